# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.losses.gradient import FLAT_M, gradient_l1, multi_scale_gradient
from tests.losses.every_loss import Stored, example


@pytest.fixture(scope="module")
def stored() -> Stored:
    return Stored()


def picture(*rows: list[float]) -> Tensor:
    return torch.tensor([rows])


def angle_only(predicted: Tensor) -> tuple[float, Tensor]:
    """The loss against a level target, and its gradient."""
    leaf = predicted.clone().requires_grad_()
    loss = gradient_l1(predicted_m=leaf, target_m=torch.ones_like(leaf), valid=leaf > 0)
    (found,) = torch.autograd.grad(loss, leaf)
    return loss.item(), found


def test_gradient_l1__agrees_with_the_hand_value() -> None:
    guess, truth = picture([1, 2], [3, 5]), picture([1, 1], [1, 2])
    loss = gradient_l1(predicted_m=guess, target_m=truth, valid=truth > 0)
    assert loss.item() == pytest.approx(11.197396, rel=1e-6)


@pytest.mark.parametrize("loss", [gradient_l1, multi_scale_gradient])
def test_gradients__ignore_a_common_shift(loss: type) -> None:
    predicted, target, valid = example(dtype=torch.float64)
    torch.testing.assert_close(
        loss(predicted_m=predicted + 2, target_m=target, valid=valid),
        loss(predicted_m=predicted, target_m=target, valid=valid),
    )


def test_gradient_l1__needs_a_pixel_and_both_its_neighbours() -> None:
    guess, truth = picture([1, 2, 9], [3, 5, 9]), picture([1, 1, 1], [1, 2, 1])
    valid = torch.tensor([[[True, True, False], [True, True, True]]])
    assert gradient_l1(predicted_m=guess, target_m=truth, valid=valid).item() == pytest.approx(11.197396, rel=1e-6)
    valid[0, 0, 1] = False
    assert gradient_l1(predicted_m=guess, target_m=truth, valid=valid).item() == 0


@pytest.mark.parametrize("key", ["masked", "low"])
def test_gradient_l1__agrees_with_the_released_one(key: str, stored: Stored) -> None:
    leaf, predicted, target, valid = stored.pair("pred_low" if key == "low" else "pred")
    stored.check(f"zoe_gradl1.{key}", gradient_l1(predicted_m=predicted, target_m=target, valid=valid), leaf)


def test_gradient_l1__of_level_ground_is_zero_with_zero_gradient() -> None:
    value, found = angle_only(torch.full((1, 4, 4), 2.0))
    assert value == 0
    assert found.abs().max() < 1e-6


def test_gradient_l1__survives_the_step_that_cancels_the_released_offset() -> None:
    flat = torch.zeros(1, 2, 2, dtype=torch.float64) + 1e-10
    flat[0, :, 1] = 0.0  # dx = -1e-10, dy = 0: the released loss divides 0 by 0
    leaf = flat.requires_grad_()
    loss = gradient_l1(predicted_m=leaf, target_m=torch.ones_like(leaf), valid=torch.ones_like(leaf) > 0)
    (found,) = torch.autograd.grad(loss, leaf)
    assert loss.isfinite()
    assert found.isfinite().all()


@pytest.mark.parametrize("step_m", [1e-6, 1e-4, FLAT_M])
def test_gradient_l1__of_nearly_level_ground_has_a_bounded_gradient(step_m: float) -> None:
    ramp = 2 + step_m * torch.arange(5.0)[:, None].expand(5, 5)
    value, found = angle_only(ramp[None])
    assert value == pytest.approx(torch.pi / 2, abs=1e-2)
    assert found.abs().max() < 1 / FLAT_M


def test_multi_scale_gradient__agrees_with_the_hand_value() -> None:
    truth = torch.ones(1, 3, 3)
    guess = truth + picture([0, 1, 0], [0, 0, 0], [4, 0, 0])
    valid = torch.ones(1, 3, 3, dtype=torch.bool)
    # stride 1: rows 2 + 4 and columns 1 + 4 over 9 pixels; stride 2: corners [0 0] [4 0], 8 over 4; strides 4, 8: one pixel
    expected = 11 / 9 + 8 / 4
    assert multi_scale_gradient(predicted_m=guess, target_m=truth, valid=valid).item() == pytest.approx(expected)


def test_multi_scale_gradient__is_the_mean_over_pictures_whatever_their_pixels() -> None:
    predicted, target, valid = example()
    valid[0, 1:] = False
    each = [
        multi_scale_gradient(predicted_m=predicted[i : i + 1], target_m=target[i : i + 1], valid=valid[i : i + 1])
        for i in range(2)
    ]
    together = multi_scale_gradient(predicted_m=predicted, target_m=target, valid=valid)
    torch.testing.assert_close(together, (each[0] + each[1]) / 2)


@pytest.mark.parametrize(("key", "strides"), [("4scales", (1, 2, 4, 8)), ("1scale", (1,))])
def test_multi_scale_gradient__agrees_with_metric3d(key: str, strides: tuple[int, ...], stored: Stored) -> None:
    leaf, predicted, target, valid = stored.pair("pred")
    loss = multi_scale_gradient(predicted_m=predicted, target_m=target, valid=valid, strides=strides)
    stored.check(f"metric3d_gradient_{key}", loss, leaf)


def test_multi_scale_gradient__a_hole_inside_takes_away_the_four_steps_around_it() -> None:
    ramp = (torch.arange(5.0)[:, None] + torch.arange(5.0)).expand(1, 5, 5)  # every step is 1
    valid = torch.ones(1, 5, 5, dtype=torch.bool)
    whole = multi_scale_gradient(predicted_m=ramp, target_m=0 * ramp, valid=valid, strides=(1,))
    valid[0, 2, 2] = False
    holed = multi_scale_gradient(predicted_m=ramp, target_m=0 * ramp, valid=valid, strides=(1,))
    assert whole.item() * 25 == pytest.approx(40)
    assert holed.item() * 24 == pytest.approx(36)


def test_multi_scale_gradient__divided_by_all_pixels_weighs_coarse_strides_less() -> None:
    truth = torch.ones(1, 3, 3)
    guess = truth + picture([0, 1, 0], [0, 0, 0], [4, 0, 0])
    value = multi_scale_gradient(predicted_m=guess, target_m=truth, valid=truth > 0, norm="full")
    assert value.item() == pytest.approx((11 + 8) / 9)


def test_multi_scale_gradient__a_picture_without_a_valid_pixel_does_not_dilute_the_mean() -> None:
    predicted, target, valid = example()
    alone = multi_scale_gradient(predicted_m=predicted[:1], target_m=target[:1], valid=valid[:1])
    valid[1] = False
    torch.testing.assert_close(multi_scale_gradient(predicted_m=predicted, target_m=target, valid=valid), alone)
