# SPDX-License-Identifier: Apache-2.0
"""What every loss of the room promises, whichever it is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from tests.losses.every_loss import LOSSES, Loss, TwoRanks, example

each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def gradient(loss: Tensor, leaf: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(loss, leaf)
    return found


@each_loss
def test_loss__is_a_scalar_above_zero_for_a_wrong_prediction(loss: Loss) -> None:
    value = loss(*example())
    assert value.shape == ()
    assert value > 0.01


@each_loss
def test_loss__is_zero_with_zero_gradient_when_perfect(loss: Loss) -> None:
    _, target, valid = example()
    predicted = target.clone().requires_grad_()
    value = loss(predicted, target, valid)
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert gradient(value, predicted).isfinite().all()


@each_loss
def test_loss__ignores_invalid_pixels_even_where_they_are_nan(loss: Loss) -> None:
    predicted, target, valid = example()
    clean = predicted.clone().requires_grad_()
    poisoned = predicted.masked_fill(~valid, torch.nan).requires_grad_()
    value = loss(poisoned, target.masked_fill(~valid, torch.nan), valid)
    assert torch.equal(value, loss(clean, target, valid))
    found = gradient(value, poisoned)
    assert found.isfinite().all()
    assert (found[~valid] == 0).all()
    assert torch.equal(found, gradient(loss(clean, target, valid), clean))


@each_loss
def test_loss__has_the_right_gradient(loss: Loss) -> None:
    predicted, target, valid = example(images=2, height=4, width=4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda one: loss(one, target, valid), predicted.requires_grad_())


@each_loss
def test_loss__of_no_valid_pixel_is_exactly_zero_with_zero_gradient(loss: Loss) -> None:
    predicted, target, valid = example()
    predicted.requires_grad_()
    value = loss(predicted, target, torch.zeros_like(valid))
    assert value.item() == 0
    assert (gradient(value, predicted) == 0).all()


@each_loss
def test_loss__of_one_valid_pixel_is_finite(loss: Loss) -> None:
    predicted, target, valid = example()
    predicted.requires_grad_()
    one = torch.zeros_like(valid)
    one[1, 2, 3] = True
    value = loss(predicted, target, one)
    assert value.isfinite()
    assert gradient(value, predicted).isfinite().all()


@each_loss
def test_loss__of_a_batch_with_one_empty_picture_is_finite(loss: Loss) -> None:
    predicted, target, valid = example()
    predicted.requires_grad_()
    valid[0] = False
    value = loss(predicted, target, valid)
    assert value > 0
    assert (gradient(value, predicted)[0] == 0).all()


@each_loss
def test_loss__is_float32_under_autocast_and_float64_for_float64(loss: Loss) -> None:
    predicted, target, valid = example()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(predicted, target, valid), loss(*example()))
        assert loss(predicted.bfloat16(), target, valid).dtype == torch.float32
    assert loss(predicted.double(), target, valid).dtype == torch.float64


@each_loss
def test_loss__of_two_ranks_equals_that_of_one_process_with_its_gradient(loss: Loss) -> None:
    predicted, target, valid = example(images=6)
    valid[0], valid[4] = False, True  # ranks with unequal numbers of pixels
    leaf = predicted.clone().requires_grad_()
    alone = loss(leaf, target, valid)
    expected = gradient(alone, leaf)
    halves = [(leaf[part], target[part], valid[part]) for part in (slice(0, 3), slice(3, 6))]
    ranks = TwoRanks().losses(loss, halves)
    for one in ranks:
        torch.testing.assert_close(one, alone, rtol=1e-6, atol=0)
    # DistributedDataParallel averages over ranks what each rank's backward pass gives
    averaged = gradient((ranks[0] + ranks[1]) / 2, leaf)
    torch.testing.assert_close(averaged, expected, rtol=1e-5, atol=1e-6 * expected.abs().max().item())


@each_loss
def test_loss__refuses_another_shape(loss: Loss) -> None:
    predicted, target, valid = example()
    with pytest.raises(ContractError, match=r"expected .* of one shape .*; got target \(2, 6, 6\) beside .*; squeeze"):
        loss(predicted, target[..., :-1], valid)
    with pytest.raises(ContractError, match=r"got predicted \(2, 1, 6, 7\)"):
        loss(predicted[:, None], target[:, None], valid[:, None])


@each_loss
def test_loss__refuses_a_mask_that_is_not_boolean(loss: Loss) -> None:
    predicted, target, valid = example()
    with pytest.raises(ContractError, match=r"expected a boolean mask; got valid of torch.float32; pass e.g."):
        loss(predicted, target, valid.float())
