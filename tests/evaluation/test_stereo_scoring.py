# SPDX-License-Identifier: Apache-2.0
"""One pair in pixels: truths and classes by name, each number with its weight."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError
from leadline.contracts.sample import Sample
from leadline.evaluation.protocol import Case, ImageScore
from leadline.evaluation.protocols.stereo import STEREO
from leadline.evaluation.stereo_scoring import TruePixels, disparity_errors, joined

TRUTH = TruePixels(torch.tensor([[10.0, 20.0, torch.nan]]), torch.tensor([[True, True, False]]))


def case(predicted: list[float]) -> Case:
    values = np.array([predicted], np.float32)
    prediction = DepthMap(values=values, valid=np.isfinite(values), kind=DepthKind.STEREO_DISPARITY)
    return Case(sample=Sample(key="pair", dataset="toy", image=torch.zeros(3, 1, 3)), prediction=prediction)


def test_disparity_errors__names_truth_first_and_class_second() -> None:
    first, last = torch.tensor([[True, False, False]]), torch.tensor([[False, False, True]])
    score = disparity_errors(
        case([15.0, 20.0, 1.0]), STEREO, truths={"": TRUTH, "_seen": TRUTH}, classes={"_a": first, "_b": last}
    )
    assert list(score.metrics) == [
        "epe_px", "d1", "bad1", "bad2", "bad3", "d1_a", "d1_b",
        "epe_px_seen", "d1_seen", "bad1_seen", "bad2_seen", "bad3_seen", "d1_seen_a", "d1_seen_b",
        "epe_px_image_mean", "d1_image_mean",
    ]  # fmt: skip
    assert (score.metrics["epe_px"], score.metrics["d1"], score.metrics["d1_a"]) == (2.5, 50.0, 100.0)
    assert np.isnan(score.metrics["d1_seen_b"])
    assert (score.weights["d1"], score.weights["d1_a"], score.weights["d1_seen_b"]) == (2.0, 1.0, 0.0)


@pytest.mark.parametrize("silent", [np.nan, np.inf])
def test_disparity_errors__takes_silence_for_infinity_far(silent: float) -> None:
    score = disparity_errors(case([silent, 20.0, silent]), STEREO, truths={"": TRUTH}, classes={})
    assert score.metrics["epe_px"] == 5.0
    assert score.metrics["d1"] == 50.0


def test_disparity_errors__names_the_pair_whose_truth_has_another_size() -> None:
    small = TruePixels(torch.ones(1, 2), torch.ones(1, 2) > 0)
    with pytest.raises(DataError, match=r"size, 1x3; got 1x2 for pair"):
        disparity_errors(case([1.0, 2.0, 3.0]), STEREO, truths={"": small}, classes={})
    with pytest.raises(DataError, match="got 1x2 for pair"):
        disparity_errors(case([1.0, 2.0, 3.0]), STEREO, truths={"": TRUTH}, classes={"_fg": torch.ones(1, 2) > 0})


def test_joined__keeps_both_scores_and_the_missing_pixels_of_depth() -> None:
    errors = ImageScore(metrics={"d1": 1.0}, weights={"d1": 9.0})
    depth = ImageScore(metrics={"abs_rel": 0.5}, weights={"abs_rel": 2.0}, missing_pixels=3)
    both = joined(errors, depth)
    assert both.metrics == {"d1": 1.0, "abs_rel": 0.5}
    assert both.weights == {"d1": 9.0, "abs_rel": 2.0}
    assert both.missing_pixels == 3
