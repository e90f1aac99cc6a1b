# SPDX-License-Identifier: Apache-2.0
"""What a head says, in metres."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import MetricBinsHeadConfig, SigmoidHeadConfig
from leadline.models.heads.calibrated import calibrated
from tests.models.test_calibration import CALIBRATION


def metres(values: Tensor) -> Tensor:
    found = calibrated(values, CALIBRATION)
    assert isinstance(found, Tensor)
    return found


def test_calibrated__inverts_disparity_and_caps_what_is_too_far() -> None:
    found = metres(torch.tensor([[[1.0, 0.2, 0.03, 0.0]]]))
    torch.testing.assert_close(found, torch.tensor([[[1 / 0.39, 1 / 0.07, 20.0, 20.0]]]))


def test_calibrated__computes_in_float32_under_bf16() -> None:
    assert metres(torch.tensor([1.0], dtype=torch.bfloat16)).dtype is torch.float32


def test_calibrated__depth_is_scaled_and_shifted_and_not_capped() -> None:
    found = calibrated(torch.tensor([0.01, 100.0]), replace(CALIBRATION, space="depth", scale=2.0, shift=-0.1))
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, torch.tensor([-0.08, 199.9]))


@pytest.mark.parametrize("head", [SigmoidHeadConfig(), MetricBinsHeadConfig()])
def test_depth_model__of_metres_says_calibrated_metres(head: SigmoidHeadConfig | MetricBinsHeadConfig) -> None:
    torch.manual_seed(0)
    config = DepthModelConfig(encoder="dinov2-toy", head=head)
    plain = DepthModel(config).eval()
    scaled = DepthModel(replace(config, calibration=replace(CALIBRATION, space="depth", scale=1.5, shift=0.2))).eval()
    scaled.load_state_dict(plain.state_dict())
    image = torch.randn(1, 3, 28, 42)
    with torch.inference_mode():
        expected = plain(image) * 1.5 + 0.2
        torch.testing.assert_close(scaled(image), expected)
        full = scaled.predict_full(image)
        torch.testing.assert_close(full.depth, expected)
        if full.bin_centers_m is not None and full.bin_probabilities is not None:
            torch.testing.assert_close((full.bin_centers_m * full.bin_probabilities).sum(1), expected, rtol=1e-3, atol=1e-3)


def test_depth_model__keeps_its_disparity_beside_calibrated_metres() -> None:
    torch.manual_seed(0)
    config = DepthModelConfig(encoder="dinov2-toy", calibration=CALIBRATION)
    model = DepthModel(config).eval()
    with torch.inference_mode():
        full = model.predict_full(torch.randn(1, 3, 28, 42))
    assert full.relative is not None
    torch.testing.assert_close(full.depth, metres(full.relative))
