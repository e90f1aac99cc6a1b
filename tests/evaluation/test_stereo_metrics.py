# SPDX-License-Identifier: Apache-2.0
"""Errors of disparity, by hand and against the released evaluation of TiO-Depth."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from leadline.evaluation.stereo_metrics import STEREO_METRICS, is_d1_outlier, stereo_metrics
from tests.shared_paths import stored


def measured(predicted: list[float], target: list[float], valid: list[bool] | None = None) -> dict[str, float]:
    p, t = (torch.tensor([[values]]) for values in (predicted, target))
    found = stereo_metrics(predicted_px=p, target_px=t, valid=torch.tensor([[valid or [True] * len(target)]]))
    return {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize(
    ("error_px", "truth_px", "wrong"), [(3.1, 10.0, True), (3.1, 100.0, False), (5.1, 100.0, True), (2.9, 10.0, False)]
)
def test_is_d1_outlier__needs_more_than_three_pixels_and_more_than_a_twentieth(
    error_px: float, truth_px: float, wrong: bool
) -> None:
    for sign in (1, -1):
        predicted, target = torch.tensor([truth_px + sign * error_px]), torch.tensor([truth_px])
        assert bool(is_d1_outlier(predicted_px=predicted, target_px=target)) is wrong
        assert measured([truth_px + sign * error_px], [truth_px])["d1"] == 100.0 * wrong


def test_is_d1_outlier__takes_exactly_three_pixels_and_exactly_a_twentieth_as_right_and_nan_as_wrong() -> None:
    predicted, target = torch.tensor([13.0, 105.0, torch.nan]), torch.tensor([10.0, 100.0, 10.0])
    assert is_d1_outlier(predicted_px=predicted, target_px=target).tolist() == [False, False, True]


def test_stereo_metrics__are_what_the_formulas_say() -> None:
    found = measured([10.0, 21.5, 32.5, 44.0, 400.0], [10.0, 20.0, 30.0, 40.0, 390.0])
    assert found["epe_px"] == pytest.approx((0 + 1.5 + 2.5 + 4 + 10) / 5)
    assert [found[name] for name in ("bad1", "bad2", "bad3")] == pytest.approx([80.0, 60.0, 40.0])
    assert found["d1"] == pytest.approx(20.0)
    assert tuple(found) == STEREO_METRICS


def test_stereo_metrics__count_valid_pixels_alone_and_read_no_other() -> None:
    found = measured([11.0, math.nan, 99.0], [10.0, 20.0, math.nan], [True, False, False])
    assert found == {"epe_px": 1.0, "d1": 0.0, "bad1": 0.0, "bad2": 0.0, "bad3": 0.0}


def test_stereo_metrics__are_zero_where_all_is_right_and_nan_without_a_pixel() -> None:
    assert set(measured([10.0, 20.0], [10.0, 20.0]).values()) == {0.0}
    assert all(math.isnan(value) for value in measured([1.0], [1.0], [False]).values())


def test_stereo_metrics__of_a_batch_are_those_of_its_images() -> None:
    target = 40 * torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0))
    predicted = target + torch.linspace(-6, 6, 60).reshape(3, 4, 5)
    together = stereo_metrics(predicted_px=predicted, target_px=target, valid=target > 10)
    for index in range(3):
        one = slice(index, index + 1)
        alone = stereo_metrics(predicted_px=predicted[one], target_px=target[one], valid=target[one] > 10)
        for name in STEREO_METRICS:
            assert float(together[name][index]) == float(alone[name])


def test_stereo_metrics__are_those_of_tio_depth() -> None:
    fixture = stored("tio_losses")
    truth, predicted = (torch.from_numpy(fixture[f"metric.{name}"])[0] for name in ("gt", "pred"))
    wide: Tensor = functional.interpolate(predicted[None], truth.shape[1:], mode="bilinear")[0]
    wide = wide * (truth.shape[2] / predicted.shape[2])
    found = stereo_metrics(predicted_px=wide, target_px=truth, valid=truth > 0)
    epe_px, d1 = fixture["metric.disp_epe_d1"]
    assert float(found["epe_px"]) == pytest.approx(float(epe_px), rel=1e-4)
    assert float(found["d1"]) == pytest.approx(float(d1), rel=1e-4)
