# SPDX-License-Identifier: Apache-2.0
"""The metrics: hand oracle, peers' numbers, perfection, scale rules, poisoned pixels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.evaluation.metrics import DEPTH_METRICS, depth_metrics, disparity_metrics
from tests.shared_paths import shared

TRUTH = torch.tensor([[[1.0, 2.0, 4.0, 8.0]]])
PREDICTED = torch.tensor([[[1.1, 1.8, 4.4, 10.4]]])
ALL = torch.ones(1, 1, 4, dtype=torch.bool)


def test_metrics__equal_the_hand_oracle() -> None:
    metrics = depth_metrics(predicted_m=PREDICTED.double(), target_m=TRUTH.double(), valid=ALL)
    expected = {
        "delta1": 0.75,
        "delta2": 1.0,
        "delta3": 1.0,
        "abs_rel": 0.15,
        "sq_rel": 0.1975,
        "rmse": 1.22167917,
        "rmse_log": 0.15660772,
        "log10": 0.06062155,
        "silog": 13.02816910,
        "silog_da": 0.14404738,
    }
    assert tuple(metrics) == DEPTH_METRICS == tuple(expected)
    for name, value in expected.items():
        assert metrics[name].item() == pytest.approx(value, rel=1e-6), name


def test_metrics__in_disparity_keep_delta_and_logarithms_but_not_relative_errors() -> None:
    truth, predicted = torch.tensor([[[1.0, 2.0, 4.0]]]).double(), torch.tensor([[[1.1, 1.5, 4.4]]]).double()
    depth, disparity = (
        metrics(predicted_m=predicted, target_m=truth, valid=truth > 0) for metrics in (depth_metrics, disparity_metrics)
    )
    assert depth["abs_rel"].item() == pytest.approx(0.15, abs=1e-6)
    assert disparity["abs_rel"].item() == pytest.approx(0.171717, abs=1e-6)
    for same in ("delta1", "delta2", "delta3", "rmse_log", "log10", "silog", "silog_da"):
        assert disparity[same].item() == pytest.approx(depth[same].item(), rel=1e-9), same


def test_metrics__in_disparity_read_no_invalid_pixel() -> None:
    one = torch.ones(1, 1, 3)
    poisoned = torch.tensor([[[2.0, torch.nan, 0.0]]])
    valid = torch.tensor([[[True, False, False]]])
    assert disparity_metrics(predicted_m=poisoned, target_m=one, valid=valid)["abs_rel"].item() == 0.5


ZOE_ORDER = ("delta1", "delta2", "delta3", "abs_rel", "rmse", "log10", "rmse_log", "silog", "sq_rel")
DAV2_ORDER = ("delta1", "delta2", "delta3", "abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog_da")


@pytest.mark.parametrize(("peer", "order"), [("zoe_compute_errors", ZOE_ORDER), ("dav2_eval_depth", DAV2_ORDER)])
def test_metrics__equal_the_peers(peer: str, order: tuple[str, ...]) -> None:
    with np.load(shared("fixtures/zoe_losses_metrics.npz"), allow_pickle=False) as arrays:
        gt, pred, mask = (torch.from_numpy(arrays[name]).reshape(1, 40, 28) for name in ("gt", "pred", "mask"))
        expected = arrays[peer]
    metrics = depth_metrics(predicted_m=pred, target_m=gt, valid=mask.bool())
    np.testing.assert_allclose([metrics[name].item() for name in order], expected, rtol=1e-6)


def test_metrics__of_the_truth_are_perfect() -> None:
    for name, value in depth_metrics(predicted_m=TRUTH, target_m=TRUTH, valid=ALL).items():
        assert value.item() == (1.0 if name.startswith("delta") else 0.0), name


@settings(max_examples=30, deadline=None)
@given(factor=st.floats(0.3, 3.0))
def test_metrics__of_scaled_truth_follow_the_scale_rules(factor: float) -> None:
    metrics = depth_metrics(predicted_m=factor * TRUTH.double(), target_m=TRUTH.double(), valid=ALL)
    assert metrics["silog"].item() == pytest.approx(0.0, abs=1e-5)
    assert metrics["silog_da"].item() == pytest.approx(math.sqrt(0.5) * abs(math.log(factor)), abs=1e-9)
    assert metrics["abs_rel"].item() == pytest.approx(abs(factor - 1))
    assert metrics["rmse_log"].item() == pytest.approx(abs(math.log(factor)), abs=1e-9)


def test_metrics__are_per_image_and_ignore_poison() -> None:
    generator = torch.Generator().manual_seed(5)
    truth = 1 + torch.rand(3, 7, 9, generator=generator)
    predicted = truth * (1 + 0.2 * torch.randn(3, 7, 9, generator=generator))
    valid = torch.rand(3, 7, 9, generator=generator) > 0.4
    together = depth_metrics(
        predicted_m=torch.where(valid, predicted, torch.nan), target_m=torch.where(valid, truth, -torch.inf), valid=valid
    )
    for image in range(3):
        alone = depth_metrics(
            predicted_m=predicted[image][valid[image]][None, None],
            target_m=truth[image][valid[image]][None, None],
            valid=torch.ones(1, 1, int(valid[image].sum()), dtype=torch.bool),
        )
        for name in DEPTH_METRICS:
            assert together[name][image].item() == pytest.approx(alone[name].item(), rel=1e-12), name


def test_metrics__without_a_valid_pixel_are_nan() -> None:
    assert all(value.isnan().all() for value in depth_metrics(predicted_m=TRUTH, target_m=TRUTH, valid=~ALL).values())
