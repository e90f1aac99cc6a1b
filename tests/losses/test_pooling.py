# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.losses.pooling import (
    check_choice,
    check_share,
    keep,
    masked_pair,
    pooled_mean,
    pooled_moments,
    pooled_over_images,
    root,
)


def test_masked_pair__puts_one_where_nothing_is_known() -> None:
    values = torch.tensor([[[2.0, torch.nan]]])
    pair = masked_pair(predicted=values, target=3 * values, valid=torch.tensor([[[True, False]]]))
    assert pair.predicted.tolist() == [[[2.0, 1.0]]]
    assert pair.target.tolist() == [[[6.0, 1.0]]]


def test_masked_pair__follows_the_precision_of_the_prediction() -> None:
    values, valid = torch.ones(1, 2, 2), torch.ones(1, 2, 2, dtype=torch.bool)
    for given, full in [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)]:
        pair = masked_pair(predicted=values.to(given), target=values, valid=valid)
        assert pair.predicted.dtype == pair.target.dtype == full


def test_masked_pair__names_the_tensor_that_does_not_fit() -> None:
    with pytest.raises(ContractError, match=r"valid \(1, 2, 3\)"):
        masked_pair(predicted=torch.ones(1, 2, 2), target=torch.ones(1, 2, 2), valid=torch.ones(1, 2, 3) > 0)


def test_pooled_moments__agree_with_the_hand_value() -> None:
    values, valid = torch.tensor([1.0, 2.0, 6.0, 50.0]), torch.tensor([True, True, True, False])
    pixels, mean, squares = pooled_moments(values, valid, keep)
    assert (pixels.item(), mean.item(), squares.item()) == (3, 3, 14)


def test_pooled_moments__keep_a_spread_that_is_small_beside_the_mean() -> None:
    values = 64 + torch.tensor([0.0, 1.0]).repeat(500) / 64
    squares = pooled_moments(values, torch.ones_like(values) > 0, keep).squares
    assert squares.item() == pytest.approx(1000 * (0.5 / 64) ** 2, rel=1e-4)


def test_pooled_moments__of_nothing_are_zero() -> None:
    assert [one.item() for one in pooled_moments(torch.ones(4), torch.zeros(4) > 0, keep)] == [0, 0, 0]


def test_pooled_mean__agrees_with_the_hand_value_and_is_zero_of_nothing() -> None:
    values = torch.tensor([1.0, 3.0, torch.inf])
    assert pooled_mean(values, torch.tensor([True, True, False]), keep).item() == 2
    assert pooled_mean(values, torch.zeros(3) > 0, keep).item() == 0


@pytest.mark.parametrize(("squared", "value", "slope"), [(0.0, 0.0, 0.0), (4.0, 2.0, 0.25)])
def test_root__is_the_square_root_with_a_flat_foot(squared: float, value: float, slope: float) -> None:
    leaf = torch.tensor(squared, requires_grad=True)
    result = root(leaf)
    (found,) = torch.autograd.grad(result, leaf)
    assert (result.item(), found.item()) == (value, slope)


@pytest.mark.parametrize("squared", [float("nan"), float("inf")])
def test_root__never_calls_what_is_not_finite_perfect(squared: float) -> None:
    assert not torch.isfinite(root(torch.tensor(squared)))


def test_pooled_over_images__weighs_images_or_what_they_count() -> None:
    sums, counts = torch.tensor([6.0, 1.0, 0.0]), torch.tensor([3, 1, 0])
    assert pooled_over_images(sums, counts, "image", keep).item() == 1.5
    assert pooled_over_images(sums, counts, "batch", keep).item() == 1.75
    assert pooled_over_images(0 * sums, 0 * counts, "batch", keep).item() == 0


def test_check_choice__names_the_choices() -> None:
    check_choice("pooling", "image", ("image", "batch"))
    with pytest.raises(ContractError, match="expected pooling as one of image, batch; got 'pixel'; choose one of them"):
        check_choice("pooling", "pixel", ("image", "batch"))


@pytest.mark.parametrize("share", [-0.01, 1.0, float("nan")])
def test_check_share__refuses_what_leaves_nothing_or_is_no_share(share: float) -> None:
    check_share("ignored", 0.0)
    with pytest.raises(ContractError, match=r"expected ignored in \[0, 1\)"):
        check_share("ignored", share)
