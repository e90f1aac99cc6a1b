# SPDX-License-Identifier: Apache-2.0
"""Metres become disparity inside their range; disparity passes; whatever else is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, UsageError
from leadline.contracts.sample import Sample
from leadline.transforms.claims import AsDisparity

NAN, INF = float("nan"), float("inf")
GENERATOR = torch.Generator()


def sample(depth: list[float], valid: list[bool], kind: DepthKind = DepthKind.METRIC) -> Sample:
    shape = (1, len(depth))
    return Sample(
        key="a",
        dataset="toy",
        image=torch.zeros(3, *shape),
        depth=torch.tensor([depth]),
        valid=torch.tensor([valid]),
        kind=kind,
    )


def test_as_disparity__inverts_and_keeps_the_range_ends_included() -> None:
    given = sample([0.5, 0.4999, 1.0, 4.0, 80.0, 80.01, INF], [True] * 7)
    turned = AsDisparity(0.5, 80.0)(given, GENERATOR)
    assert turned.kind is DepthKind.AFFINE_DISPARITY
    assert turned.depth is not None
    assert turned.valid is not None
    assert turned.valid.tolist() == [[True, False, True, True, True, False, False]]
    assert turned.depth[turned.valid].tolist() == [2.0, 1.0, 0.25, pytest.approx(0.0125)]
    assert given.depth is not None
    assert given.depth[0, 0] == 0.5  # what came in is not written into
    assert given.kind is DepthKind.METRIC


def test_as_disparity__never_makes_an_invalid_pixel_valid() -> None:
    turned = AsDisparity(0.1, 80.0)(sample([NAN, 0.0, -1.0, 2.0, 3.0], [False, False, True, False, True]), GENERATOR)
    assert turned.valid is not None
    assert turned.valid.tolist() == [[False, False, False, False, True]]


def test_as_disparity__passes_disparity_with_its_sky() -> None:
    given = sample([0.0, 3.0, 200.0], [True, True, False], DepthKind.AFFINE_DISPARITY)
    assert AsDisparity(0.1, 80.0)(given, GENERATOR) is given


@pytest.mark.parametrize("kind", [DepthKind.SCALE_INVARIANT, DepthKind.AFFINE_DEPTH, DepthKind.STEREO_DISPARITY])
def test_as_disparity__refuses_other_claims(kind: DepthKind) -> None:
    with pytest.raises(ContractError, match=f"got {kind.value} in 'a' of 'toy'"):
        AsDisparity(0.1, 80.0)(sample([1.0], [True], kind), GENERATOR)


def test_as_disparity__refuses_a_sample_without_depth_and_an_empty_range() -> None:
    with pytest.raises(ContractError, match="got no depth in 'a' of 'toy'"):
        AsDisparity(0.1, 80.0)(replace(sample([1.0], [True]), depth=None, valid=None), GENERATOR)
    for ends in ((0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (NAN, 1.0)):
        with pytest.raises(UsageError, match="a range of depth above 0 m"):
            AsDisparity(*ends)
