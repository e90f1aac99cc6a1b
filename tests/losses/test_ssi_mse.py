# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.geometry.alignment import fit_scale_shift
from leadline.losses.ssi_mse import ssi_mse
from tests.losses.every_loss import example


def test_ssi_mse__agrees_with_the_hand_value() -> None:
    predicted, target = torch.tensor([[[0.0, 1.0, 2.0]]]), torch.tensor([[[0.0, 3.0, 0.0]]])
    # the best line through (0,0), (1,3), (2,0) is the level 1: squared errors 1, 4, 1, halved
    assert ssi_mse(predicted=predicted, target=target, valid=predicted >= 0).item() == pytest.approx(1.0, rel=1e-6)


def test_ssi_mse__the_ledger_s_line_is_found_and_costs_nothing() -> None:
    predicted = torch.arange(4.0).expand(1, 1, 4)
    target, valid = 2 * predicted + 0.5, predicted >= 0
    assert [one.item() for one in fit_scale_shift(predicted=predicted, target=target, valid=valid)] == [2.0, 0.5]
    assert ssi_mse(predicted=predicted, target=target, valid=valid).item() == 0


@pytest.mark.parametrize(("scale", "shift"), [(2.0, 0.0), (1.0, -3.0), (0.1, 5.0), (-1.0, 0.0)])
def test_ssi_mse__ignores_scale_and_shift_of_each_picture(scale: float, shift: float) -> None:
    predicted, target, valid = example(dtype=torch.float64)
    moved = predicted.clone()
    moved[1] = scale * predicted[1] + shift
    expected = ssi_mse(predicted=predicted, target=target, valid=valid)
    torch.testing.assert_close(ssi_mse(predicted=moved, target=target, valid=valid), expected)


def test_ssi_mse__of_a_constant_prediction_is_half_the_variance_of_the_target_without_gradient() -> None:
    predicted = torch.full((1, 1, 4), 3.0, requires_grad=True)
    target = torch.tensor([[[1.0, 2.0, 3.0, 6.0]]])
    loss = ssi_mse(predicted=predicted, target=target, valid=target > 0)
    (found,) = torch.autograd.grad(loss, predicted)
    assert loss.item() == pytest.approx((4 + 1 + 0 + 9) / 8)
    assert (found == 0).all()


def test_ssi_mse__weighs_images_or_pixels_alike() -> None:
    predicted, target, valid = example(dtype=torch.float64)
    valid[0, 1:4] = False
    each = [ssi_mse(predicted=predicted[i : i + 1], target=target[i : i + 1], valid=valid[i : i + 1]) for i in range(2)]
    pixels = valid.sum(dim=(1, 2))
    by_pixel = ssi_mse(predicted=predicted, target=target, valid=valid, pooling="batch")
    torch.testing.assert_close(by_pixel, (pixels[0] * each[0] + pixels[1] * each[1]) / pixels.sum())
    torch.testing.assert_close(ssi_mse(predicted=predicted, target=target, valid=valid), (each[0] + each[1]) / 2)


def test_ssi_mse__another_pooling_is_refused() -> None:
    predicted, target, valid = example()
    with pytest.raises(ContractError, match="expected pooling as one of image, batch; got 'pixel'; choose"):
        ssi_mse(predicted=predicted, target=target, valid=valid, pooling="pixel")  # type: ignore[arg-type]
