# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.sobel_gradient import sobel, sobel_gradient
from tests.losses.every_loss import example


def everywhere(values: Tensor) -> Tensor:
    return torch.ones_like(values, dtype=torch.bool)


def test_sobel__answers_eight_per_unit_of_slope_inside() -> None:
    across, down = sobel(torch.arange(6.0).expand(1, 6, 6))
    assert (across[:, :, 1:-1] == 8).all()
    assert (down == 0).all()
    across, down = sobel(torch.arange(6.0)[:, None].expand(1, 6, 6))
    assert (down[:, 1:-1] == 8).all()
    assert (across == 0).all()


def test_sobel__agrees_with_the_filter_written_out() -> None:
    values, _, _ = example()
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    padded = F.pad(values[:, None], (1, 1, 1, 1), mode="replicate")
    across, down = sobel(values)
    torch.testing.assert_close(across, F.conv2d(padded, kernel[None, None])[:, 0])
    torch.testing.assert_close(down, F.conv2d(padded, kernel.T[None, None])[:, 0])


def test_sobel_gradient__agrees_with_the_hand_value_of_a_ramp_against_level_ground() -> None:
    ramp = torch.arange(1.0, 6.0).expand(1, 4, 5)
    # 8 in three columns, 4 in the two at the border
    value = sobel_gradient(predicted=ramp, target=torch.ones_like(ramp), valid=everywhere(ramp), space="raw")
    assert value.item() == pytest.approx((3 * 8 + 2 * 4) / 5)


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_sobel_gradient__of_logarithms_ignores_the_scale_of_either_map_also_at_the_border(factor: float) -> None:
    predicted, target, valid = example(dtype=torch.float64)
    value = sobel_gradient(predicted=predicted, target=target, valid=valid)
    torch.testing.assert_close(sobel_gradient(predicted=factor * predicted, target=target, valid=valid), value)
    torch.testing.assert_close(sobel_gradient(predicted=predicted, target=factor * target, valid=valid), value)
    assert sobel_gradient(predicted=factor * target, target=target, valid=everywhere(valid)).item() < 1e-12


def test_sobel_gradient__of_values_grows_with_their_scale_and_ignores_their_shift() -> None:
    predicted, target, valid = example(dtype=torch.float64)
    value = sobel_gradient(predicted=predicted, target=target, valid=valid, space="raw")
    scaled = sobel_gradient(predicted=3 * predicted, target=3 * target, valid=valid, space="raw")
    shifted = sobel_gradient(predicted=predicted + 9, target=target, valid=valid, space="raw")
    torch.testing.assert_close(scaled, 3 * value)
    torch.testing.assert_close(shifted, value)


@pytest.mark.parametrize("hole", [(2, 2), (0, 0)])
def test_sobel_gradient__counts_only_pixels_whose_neighbours_are_all_known(hole: tuple[int, int]) -> None:
    predicted = torch.ones(1, 6, 6)
    predicted[0][hole] = 50.0
    valid = everywhere(predicted)
    assert sobel_gradient(predicted=predicted, target=torch.ones_like(predicted), valid=valid).item() > 1
    valid[0][hole] = False
    predicted[0][hole] = torch.nan
    assert sobel_gradient(predicted=predicted, target=torch.ones_like(predicted), valid=valid).item() == 0


def test_sobel_gradient__a_target_without_a_logarithm_is_a_hole() -> None:
    target = torch.ones(1, 6, 6)
    target[0, 2, 2] = 0.0
    assert sobel_gradient(predicted=torch.ones_like(target), target=target, valid=everywhere(target)).item() == 0
    assert sobel_gradient(predicted=torch.ones_like(target), target=target, valid=everywhere(target), space="raw").item() > 0


def test_sobel_gradient__another_space_is_refused() -> None:
    predicted, target, valid = example()
    with pytest.raises(ContractError, match="expected space as one of raw, log; got 'disparity'"):
        sobel_gradient(predicted=predicted, target=target, valid=valid, space="disparity")  # type: ignore[arg-type]
