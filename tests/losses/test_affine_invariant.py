# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from leadline.losses.affine_invariant import affine_invariant, affine_invariant_gradient, standardised
from tests.losses.every_loss import example

LOSSES = [affine_invariant, affine_invariant_gradient]


def row(*values: float) -> Tensor:
    return torch.tensor([[list(values)]])


def everywhere(values: Tensor) -> Tensor:
    return torch.ones_like(values, dtype=torch.bool)


def test_affine_invariant__has_the_ledger_s_hand_value_with_the_lower_median() -> None:
    target, predicted = row(1, 2, 4, 8), row(1, 3, 4, 6)
    assert standardised(target, everywhere(target)).flatten().tolist() == pytest.approx([-4 / 9, 0, 8 / 9, 8 / 3])
    assert standardised(predicted, everywhere(target)).flatten().tolist() == pytest.approx([-4 / 3, 0, 2 / 3, 2])
    loss = affine_invariant(predicted=predicted, target=target, valid=everywhere(target))
    assert float(loss) == pytest.approx(0.444444, abs=1e-6)
    swapped = affine_invariant(predicted=target, target=predicted, valid=everywhere(target))
    assert float(swapped) == pytest.approx(float(loss), abs=1e-6)


def test_standardised__the_median_is_that_of_the_valid_pixels() -> None:
    values = row(5, 6, 7, 8, 9)
    assert standardised(values, values < 7).flatten().tolist() == [0, 2, 0, 0, 0]


@pytest.mark.parametrize("loss", LOSSES)
def test_affine_invariant__a_positive_factor_and_a_shift_of_either_map_change_nothing_and_a_negative_one_does(
    loss: Callable[..., Tensor],
) -> None:
    predicted, target, valid = example(dtype=torch.float64)
    value = float(loss(predicted=predicted, target=target, valid=valid))
    assert value > 0.1
    assert float(loss(predicted=7 * predicted - 3, target=0.2 * target + 9, valid=valid)) == pytest.approx(value)
    assert float(loss(predicted=2 * target + 1, target=target, valid=valid)) < 1e-12
    assert float(loss(predicted=-target, target=target, valid=valid)) > 0.5


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("constant", ["predicted", "target"])
def test_affine_invariant__a_constant_map_has_a_finite_loss_and_gradient(loss: Callable[..., Tensor], constant: str) -> None:
    predicted, target, valid = example()
    maps = {"predicted": predicted, "target": target, constant: torch.ones_like(target)}
    maps["predicted"].requires_grad_()
    value = loss(**maps, valid=valid)
    value.backward()  # type: ignore[no-untyped-call]
    assert value.isfinite()
    assert maps["predicted"].grad is not None
    assert maps["predicted"].grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_affine_invariant__an_image_with_one_valid_pixel_or_none_is_finite_and_none_does_not_dilute_the_mean(
    loss: Callable[..., Tensor],
) -> None:
    predicted, target, valid = example()
    alone = affine_invariant(predicted=predicted[:1], target=target[:1], valid=valid[:1])
    valid[1] = False
    assert float(affine_invariant(predicted=predicted, target=target, valid=valid)) == pytest.approx(float(alone))
    valid[1, 2, 3] = True
    assert loss(predicted=predicted, target=target, valid=valid).isfinite()


def test_affine_invariant_gradient__counts_steps_of_the_standardised_difference() -> None:
    target = torch.arange(8.0).expand(1, 8, 8)
    flat = torch.zeros_like(target)
    spread = float((target - 3).abs().mean())  # lower median of eight columns
    value = affine_invariant_gradient(predicted=flat, target=target, valid=everywhere(target))
    assert float(value) * spread == pytest.approx(4.375)  # the ledger's column ramp: 56/64 + 24/16 + 8/4 + 0
