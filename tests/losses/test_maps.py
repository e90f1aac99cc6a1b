# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.losses.maps import Over, check_same_size, full_precision, masked_mean

VALUES = torch.tensor([[[2.0, 4.0]], [[6.0, torch.nan]]])
MASK = torch.tensor([[[True, True]], [[True, False]]])


@pytest.mark.parametrize(("over", "wanted"), [("all", 3.0), ("valid", 4.0)])
def test_masked_mean__divides_by_all_pixels_or_by_those_inside(over: Over, wanted: float) -> None:
    assert masked_mean(VALUES, MASK, over=over).item() == wanted


@pytest.mark.parametrize("over", ["all", "valid"])
def test_masked_mean__gives_no_gradient_outside_the_mask(over: Over) -> None:
    leaf = VALUES.clone().requires_grad_()
    (found,) = torch.autograd.grad(masked_mean(leaf, MASK, over=over), leaf)
    each = 1 / 4 if over == "all" else 1 / 3
    torch.testing.assert_close(found, each * MASK.float())


@pytest.mark.parametrize("over", ["all", "valid"])
def test_masked_mean__of_nothing_is_zero_with_zero_gradient(over: Over) -> None:
    leaf = VALUES.clone().requires_grad_()
    loss = masked_mean(leaf, torch.zeros_like(MASK), over=over)
    (found,) = torch.autograd.grad(loss, leaf)
    assert loss.item() == 0
    assert torch.equal(found, torch.zeros_like(found))


@pytest.mark.parametrize("over", ["all", "valid"])
def test_masked_mean__of_two_ranks_is_that_of_the_whole_batch(over: Over) -> None:
    handed_in: list[torch.Tensor] = []

    def note(sums: torch.Tensor) -> torch.Tensor:
        handed_in.append(sums)
        return sums

    for half in range(2):
        masked_mean(VALUES[half, None], MASK[half, None], over=over, sum_across=note)
    together = sum(handed_in[1:], start=handed_in[0])
    torch.testing.assert_close(
        masked_mean(VALUES[:1], MASK[:1], over=over, sum_across=lambda _: together), masked_mean(VALUES, MASK, over=over)
    )


def test_masked_mean__is_taken_in_full_precision() -> None:
    ones = torch.ones(1, 1, 4096, dtype=torch.bfloat16)
    found = masked_mean(ones, ones > 0)
    assert found.item() == 1
    assert found.dtype == torch.float32
    assert full_precision(ones).dtype == torch.float32
    assert full_precision(ones.double()).dtype == torch.float64


def test_masked_mean__refuses_a_soft_or_smaller_mask() -> None:
    with pytest.raises(ContractError, match=r"a boolean mask of shape.*got torch.float32"):
        masked_mean(VALUES, MASK.float())
    with pytest.raises(ContractError, match="a boolean mask"):
        masked_mean(VALUES, MASK[:1])
    with pytest.raises(ContractError, match="over as one of all, valid; got 'some'"):
        masked_mean(VALUES, MASK, over="some")  # type: ignore[arg-type]


def test_check_same_size__names_what_differs() -> None:
    check_same_size({"disparity_px": torch.zeros(2, 4, 5), "image": torch.zeros(2, 3, 4, 5)})
    with pytest.raises(ContractError, match="disparity_px and image of one batch and size"):
        check_same_size({"disparity_px": torch.zeros(2, 4, 5), "image": torch.zeros(2, 3, 5, 4)})
    with pytest.raises(ContractError, match="disparity_px and image of one batch and size"):
        check_same_size({"disparity_px": torch.zeros(2, 4, 5), "image": torch.zeros(2, 3, 1, 4, 5)})
    with pytest.raises(ContractError, match="one batch"):
        check_same_size({"disparity_px": torch.zeros(2, 4, 5), "image": torch.zeros(1, 3, 4, 5)})
