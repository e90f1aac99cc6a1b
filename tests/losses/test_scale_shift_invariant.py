# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.losses.scale_shift_invariant import scale_and_shift_invariant
from tests.losses.every_loss import Stored, example


def test_scale_and_shift_invariant__agrees_with_the_hand_value() -> None:
    predicted, target = torch.tensor([[[0.0, 1.0, 2.0]]]), torch.tensor([[[0.0, 3.0, 0.0]]])
    # the best line through (0,0), (1,3), (2,0) is the level 1: errors 1, 2, 1
    loss = scale_and_shift_invariant(predicted=predicted, target=target, valid=predicted >= 0)
    assert loss.item() == pytest.approx(4 / 3, rel=1e-6)


@pytest.mark.parametrize(("scale", "shift"), [(2.0, 0.0), (1.0, -3.0), (0.1, 5.0), (-1.0, 0.0)])
def test_scale_and_shift_invariant__ignores_scale_and_shift_of_each_picture(scale: float, shift: float) -> None:
    predicted, target, valid = example(dtype=torch.float64)
    moved = predicted.clone()
    moved[1] = scale * predicted[1] + shift
    expected = scale_and_shift_invariant(predicted=predicted, target=target, valid=valid)
    torch.testing.assert_close(scale_and_shift_invariant(predicted=moved, target=target, valid=valid), expected)


def test_scale_and_shift_invariant__of_a_constant_prediction_is_the_spread_of_the_target() -> None:
    predicted = torch.full((1, 1, 4), 3.0, requires_grad=True)
    target = torch.tensor([[[1.0, 2.0, 3.0, 6.0]]])
    loss = scale_and_shift_invariant(predicted=predicted, target=target, valid=target > 0)
    (found,) = torch.autograd.grad(loss, predicted)
    assert loss.item() == pytest.approx(1.5)
    assert found.isfinite().all()


def test_scale_and_shift_invariant__agrees_with_the_released_one() -> None:
    stored = Stored()
    leaf = stored.arrays["align.pred"][:-1].clone().requires_grad_()
    target, valid = stored.arrays["align.target"][:-1], stored.arrays["align.mask"][:-1].bool()
    stored.check("zoe_ssi_loss", scale_and_shift_invariant(predicted=leaf, target=target, valid=valid), leaf)
