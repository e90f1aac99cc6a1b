# SPDX-License-Identifier: Apache-2.0
"""Pixels of disparity and metres, there and back under the rig of the sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Sample, StereoView
from leadline.evaluation.rig import focal_times_baseline, in_pixels, through_rig

IMAGE = torch.zeros(3, 2, 8)
PAIR = Sample(
    key="pair",
    dataset="toy",
    image=IMAGE,
    camera=Camera(matrix=torch.tensor([[100.0, 0, 4], [0, 90.0, 1], [0, 0, 1]])),
    stereo=StereoView(image=IMAGE, baseline_m=torch.tensor(0.5)),
)


def prediction(values: list[float], kind: DepthKind = DepthKind.STEREO_DISPARITY, *, width: int = 8) -> DepthMap:
    shown = np.resize(np.array(values, np.float32), (2, width))
    return DepthMap(values=shown, valid=np.ones((2, width), np.bool_), kind=kind)


def test_through_rig__is_focal_length_times_baseline_over_disparity() -> None:
    found = through_rig(prediction([10.0, 25.0]), PAIR)
    assert found.kind is DepthKind.METRIC
    assert found.values.dtype == np.float32
    assert found.values[0, :2].tolist() == [5.0, 2.0]


def test_through_rig__takes_pixels_as_those_of_the_map_not_of_the_picture() -> None:
    assert through_rig(prediction([5.0], width=4), PAIR).values[0, 0] == 5.0  # 5 px of 4 are 10 of 8


def test_through_rig__without_a_rig_leaves_one_factor_open() -> None:
    for less in (replace(PAIR, camera=None), replace(PAIR, stereo=None)):
        found = through_rig(prediction([10.0, 20.0]), less)
        assert found.kind is DepthKind.SCALE_INVARIANT
        assert found.values[0, 0] == pytest.approx(2 * found.values[0, 1])
        assert focal_times_baseline(less) is None


@pytest.mark.parametrize("value", [0.0, -3.0, np.nan])
def test_through_rig__says_nothing_where_there_is_no_disparity(value: float) -> None:
    found = through_rig(prediction([10.0, value]), PAIR)
    assert found.valid[0, :2].tolist() == [True, False]


def test_through_rig__leaves_other_kinds_and_what_was_invalid_alone() -> None:
    for kind in (DepthKind.METRIC, DepthKind.SCALE_INVARIANT, DepthKind.AFFINE_DISPARITY):
        given = prediction([10.0], kind)
        assert through_rig(given, PAIR) is given
    masked = replace(prediction([10.0]), valid=np.zeros((2, 8), np.bool_))
    assert not through_rig(masked, PAIR).valid.any()


@pytest.mark.parametrize("width", [4, 8])
def test_in_pixels__undoes_through_rig(width: int) -> None:
    given = prediction([10.0, 25.0, 3.0], width=width)
    back = in_pixels(through_rig(given, PAIR), PAIR)
    assert back.kind is DepthKind.STEREO_DISPARITY
    np.testing.assert_allclose(back.values, given.values, rtol=1e-6)
    assert in_pixels(given, PAIR) is given


def test_in_pixels__refuses_what_has_no_pixels() -> None:
    with pytest.raises(ContractError, match="kind affine_disparity for pair; score"):
        in_pixels(prediction([1.0], DepthKind.AFFINE_DISPARITY), PAIR)
    with pytest.raises(ContractError, match="kind metric for pair, whose rig is unknown"):
        in_pixels(prediction([1.0], DepthKind.METRIC), replace(PAIR, stereo=None))
