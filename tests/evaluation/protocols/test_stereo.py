# SPDX-License-Identifier: Apache-2.0
"""Any pairs with truth: pixels and metres of one prediction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Sample, StereoView
from leadline.data.catalog import DATASETS
from leadline.evaluation.catalog import find_protocol
from leadline.evaluation.protocol import Case
from leadline.evaluation.protocols.stereo import STEREO, score_stereo, true_pixels
from leadline.geometry.alignment import Alignment
from tests.evaluation.toys import PairedScenes

SAMPLE = PairedScenes()[0]  # 30 px of focal length, half a metre
assert SAMPLE.stereo is not None
assert SAMPLE.depth is not None
assert SAMPLE.valid is not None
VIEW, TRUE_PX, VALID = SAMPLE.stereo, 15.0 / SAMPLE.depth, SAMPLE.valid


def case(disparity_px: torch.Tensor, sample: Sample = SAMPLE) -> Case:
    values = disparity_px.nan_to_num(1.0).numpy()
    prediction = DepthMap(values=values, valid=np.ones(values.shape, np.bool_), kind=DepthKind.STEREO_DISPARITY)
    return Case(sample=sample, prediction=prediction)


def test_stereo__measures_pixels_and_metres_of_one_prediction() -> None:
    found = score_stereo(case(TRUE_PX + 2.0), STEREO).metrics
    assert found["epe_px"] == pytest.approx(2.0, rel=1e-5)
    assert (found["bad1"], found["bad3"], found["d1"]) == (100.0, 0.0, 0.0)
    metres_off = (15 / (TRUE_PX + 2.0) - 15 / TRUE_PX).abs() / (15 / TRUE_PX)
    assert found["abs_rel"] == pytest.approx(float(metres_off[VALID].mean()), rel=1e-4)
    assert found["abs_rel_scaled"] < found["abs_rel"]
    assert "epe_px_noc" not in found


def test_stereo__tells_apart_what_the_right_picture_sees_where_that_is_known() -> None:
    seen = torch.zeros_like(VALID)
    seen[:, 16:] = True
    off = torch.where(seen, TRUE_PX, TRUE_PX + 4.0)
    score = score_stereo(case(off, replace(SAMPLE, stereo=replace(VIEW, visible=seen))), STEREO)
    assert score.metrics["epe_px_noc"] == pytest.approx(0.0, abs=1e-6)
    assert score.metrics["epe_px"] > 1.0
    assert score.weights["d1_noc"] == float((seen & VALID).sum())


def test_true_pixels__are_the_stored_ones_or_follow_from_metres() -> None:
    derived = true_pixels(SAMPLE)
    torch.testing.assert_close(derived.disparity_px[VALID], TRUE_PX[VALID])
    assert torch.equal(derived.valid, VALID)
    stored = TRUE_PX + 1.0
    stored[0, :3] = torch.tensor([torch.nan, 0.0, torch.inf])
    valid = VALID.clone()
    valid[5] = False
    given = true_pixels(replace(SAMPLE, valid=valid, stereo=replace(VIEW, disparity_px=stored)))
    assert given.disparity_px is stored
    assert given.valid[0, :3].tolist() == [False] * 3
    assert torch.equal(given.valid[1:], valid[1:])


@pytest.mark.parametrize("without", [{"stereo": None}, {"camera": None}, {"depth": None}, {"valid": None}])
def test_true_pixels__need_truth_and_rig(without: dict[str, None]) -> None:
    with pytest.raises(ContractError, match=r"got scene/000.png without; choose a dataset of pairs"):
        true_pixels(replace(SAMPLE, **without))  # type: ignore[arg-type]
    known = replace(
        SAMPLE, depth=None, valid=None, stereo=StereoView(image=VIEW.image, baseline_m=VIEW.baseline_m, disparity_px=TRUE_PX)
    )
    assert true_pixels(known).valid.any()


def test_stereo__a_fit_to_the_truth_leaves_no_disparity_to_score() -> None:
    found = score_stereo(case(3 * TRUE_PX), replace(STEREO, alignment=Alignment.MEDIAN)).metrics
    assert found["abs_rel"] == pytest.approx(0.0, abs=1e-5)
    assert "epe_px" not in found


def test_stereo__is_what_folders_of_pairs_are_scored_by() -> None:
    assert find_protocol(DATASETS["stereo_folder"].default_protocol or "") is STEREO
