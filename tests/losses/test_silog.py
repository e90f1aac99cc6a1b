# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from leadline.losses.silog import dav2_silog, zoe_silog
from tests.losses.every_loss import Stored, example

TARGET = torch.tensor([[[1.0, 2.0], [4.0, 8.0]]])
GUESS = torch.tensor([[[1.1, 1.8], [4.4, 10.4]]])
EVERYWHERE = TARGET > 0


@pytest.fixture(scope="module")
def stored() -> Stored:
    return Stored()


def test_zoe_silog__agrees_with_the_hand_value_of_the_unbiased_variance() -> None:
    assert zoe_silog(predicted_m=GUESS, target_m=TARGET, valid=EVERYWHERE).item() == pytest.approx(1.5415573, rel=1e-6)


def test_dav2_silog__agrees_with_the_hand_value() -> None:
    assert dav2_silog(predicted_m=GUESS, target_m=TARGET, valid=EVERYWHERE).item() == pytest.approx(0.14404738, rel=1e-6)


@pytest.mark.parametrize("factor", [0.5, 1.25, 3.0])
def test_silogs__of_a_scaled_truth_know_only_the_logarithm_of_the_factor(factor: float) -> None:
    guess = factor * TARGET
    zoe = zoe_silog(predicted_m=guess, target_m=TARGET, valid=EVERYWHERE).item()
    dav2 = dav2_silog(predicted_m=guess, target_m=TARGET, valid=EVERYWHERE).item()
    assert zoe == pytest.approx(10 * math.sqrt(0.15) * abs(math.log(factor)), rel=1e-5)
    assert dav2 == pytest.approx(math.sqrt(0.5) * abs(math.log(factor)), rel=1e-5)


def test_silogs__without_weight_on_the_mean_ignore_the_scale_altogether() -> None:
    zoe, scaled_zoe = (
        zoe_silog(predicted_m=guess, target_m=TARGET, valid=EVERYWHERE, beta=0.0).item() for guess in (GUESS, 3 * GUESS)
    )
    dav2, scaled_dav2 = (
        dav2_silog(predicted_m=guess, target_m=TARGET, valid=EVERYWHERE, variance_weight=1.0).item()
        for guess in (GUESS, 3 * GUESS)
    )
    assert scaled_zoe == pytest.approx(zoe, rel=1e-5)
    assert scaled_dav2 == pytest.approx(dav2, rel=1e-5)


def test_zoe_silog__of_one_pixel_has_no_variance() -> None:
    guess, truth = torch.tensor([[[2.0]]]), torch.tensor([[[1.0]]])
    value = zoe_silog(predicted_m=guess, target_m=truth, valid=truth > 0).item()
    assert value == pytest.approx(10 * math.sqrt(0.15) * math.log(2), rel=1e-6)


def test_silogs__pool_the_pixels_of_the_whole_batch() -> None:
    predicted, target, valid = example()
    for loss in (zoe_silog, dav2_silog):
        whole = loss(predicted_m=predicted, target_m=target, valid=valid)
        flat: list[Tensor] = [one.reshape(1, 1, -1) for one in (predicted, target, valid)]
        torch.testing.assert_close(loss(predicted_m=flat[0], target_m=flat[1], valid=flat[2]), whole)


@pytest.mark.parametrize(("key", "prediction"), [("masked", "pred"), ("nomask", "pred"), ("low", "pred_low")])
def test_zoe_silog__agrees_with_the_released_one(key: str, prediction: str, stored: Stored) -> None:
    leaf, predicted, target, valid = stored.pair(prediction)
    valid = torch.ones_like(valid) if key == "nomask" else valid
    stored.check(f"zoe_silog.{key}", zoe_silog(predicted_m=predicted, target_m=target, valid=valid), leaf)


@pytest.mark.parametrize("weight", [0.5, 0.85])
def test_dav2_silog__agrees_with_the_released_one(weight: float, stored: Stored) -> None:
    leaf, predicted, target, valid = stored.pair("pred")
    loss = dav2_silog(predicted_m=predicted, target_m=target, valid=valid, variance_weight=weight)
    stored.check(f"dav2_silog_{weight}", loss, leaf)


def test_zoe_silog__is_ten_times_that_of_dinov2_with_its_larger_offset(stored: Stored) -> None:
    leaf, predicted, target, valid = stored.pair("pred")
    loss = zoe_silog(predicted_m=predicted + 1e-3, target_m=target + 1e-3, valid=valid) / 10
    stored.check("dinov2_sigloss", loss, leaf)
