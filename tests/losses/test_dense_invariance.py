# SPDX-License-Identifier: Apache-2.0
"""Patches at the same places: what agrees costs nothing wherever the crops lie, what is not shared does not count."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.dense_invariance import dense_invariance
from leadline.losses.pooling import SumAcross, keep
from tests.losses.every_loss import TwoRanks

SIZE = (32, 48)


def places(*rows: tuple[float, float, float, float]) -> Tensor:
    """(V,1,2,2) of (down, top, across, left)."""
    return torch.tensor([[[[down, top], [across, left]]] for down, top, across, left in rows])


def field_tokens(to_source: Tensor, grid: tuple[int, int] = (8, 12)) -> Tensor:
    """Tokens that say where in the picture they are: linear, so that looking them up is exact."""
    centres = [(torch.arange(n) + 0.5) * side / n for n, side in zip(grid, SIZE, strict=True)]
    rows = to_source[..., 0, :1] * centres[0] + to_source[..., 0, 1:]
    columns = to_source[..., 1, :1] * centres[1] + to_source[..., 1, 1:]
    shape = (*to_source.shape[:2], *grid)
    return torch.stack([rows[..., :, None].expand(shape), columns[..., None, :].expand(shape)], dim=2)


@pytest.mark.parametrize(
    "rows",
    [
        [(1.0, 0.0, 1.0, 0.0), (1.0, 0.0, 1.0, 0.0)],
        [(1.0, 0.0, 1.0, 0.0), (1.0, 0.0, -1.0, 48.0)],
        [(2.0, 0.0, 2.0, 0.0), (1.0, 16.0, 1.0, 20.0)],
        [(2.0, 0.0, -2.0, 100.0), (1.0, 8.0, 1.5, 10.0), (1.2, 5.0, -1.1, 70.0)],
    ],
)
def test_dense_invariance__patches_that_say_their_place_agree_in_every_crop(rows: list[tuple[float, ...]]) -> None:
    to_source = places(*rows)  # type: ignore[arg-type]
    inside = field_tokens(to_source)
    cost = dense_invariance(inside, to_source, size=SIZE).item()
    assert cost < 3.0  # at the border half a patch is not seen by the other crop, and its edge is taken
    wrong = to_source.clone()
    wrong[-1, :, 1, 1] += 15.0
    assert dense_invariance(inside, wrong, size=SIZE).item() > 10 * max(cost, 1.0)


def test_dense_invariance__is_zero_for_crops_of_one_place_and_its_hand_value_else() -> None:
    same = places((1.0, 0.0, 1.0, 0.0), (1.0, 0.0, 1.0, 0.0))
    tokens = torch.randn(1, 1, 3, 8, 12, generator=torch.Generator().manual_seed(0)).expand(2, 1, 3, 8, 12)
    assert dense_invariance(tokens, same, size=SIZE).item() == pytest.approx(0, abs=1e-10)
    shifted = torch.stack([tokens[0], tokens[1] + 2])
    assert dense_invariance(shifted, same, size=SIZE).item() == pytest.approx(4.0, rel=1e-5)


def test_dense_invariance__what_only_one_crop_shows_does_not_count() -> None:
    apart = places((1.0, 0.0, 1.0, 0.0), (1.0, 100.0, 1.0, 0.0))
    tokens = torch.randn(2, 1, 3, 8, 12, requires_grad=True, generator=torch.Generator().manual_seed(0))
    cost = dense_invariance(tokens, apart, size=SIZE)
    assert cost.item() == 0
    cost.backward()  # type: ignore[no-untyped-call]
    assert tokens.grad is not None
    assert not bool(tokens.grad.any())


def test_dense_invariance__of_one_view_is_zero_with_a_gradient_of_zero() -> None:
    tokens = torch.randn(1, 2, 3, 4, 4, requires_grad=True)
    cost = dense_invariance(tokens, torch.ones(1, 2, 2, 2), size=SIZE)
    cost.backward()  # type: ignore[no-untyped-call]
    assert cost.item() == 0


def test_dense_invariance__gives_both_views_a_gradient_that_is_right() -> None:
    to_source = places((2.0, 0.0, 2.0, 0.0), (1.0, 16.0, -1.0, 70.0)).double()
    tokens = torch.randn(2, 1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda one: dense_invariance(one, to_source, size=SIZE), tokens)


def test_dense_invariance__two_ranks_compute_the_mean_of_all_pictures() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(2, 3, 4, 8, 12, generator=generator)
    to_source = places((2.0, 0.0, 2.0, 0.0), (1.0, 16.0, 1.0, 20.0)).expand(2, 3, 2, 2)
    whole = dense_invariance(tokens, to_source, size=SIZE)
    parts = [(tokens[:, :1], to_source[:, :1]), (tokens[:, 1:], to_source[:, 1:])]

    def loss(predicted: Tensor, target: Tensor, valid: Tensor, sum_across: SumAcross = keep) -> Tensor:  # noqa: ARG001
        return dense_invariance(predicted, target, size=SIZE, sum_across=sum_across)

    for value in TwoRanks().losses(loss, [(*part, part[0]) for part in parts]):
        torch.testing.assert_close(value, whole)


def test_dense_invariance__refuses_places_of_other_views() -> None:
    with pytest.raises(ContractError, match="a place for each of 2 views of 3 pictures"):
        dense_invariance(torch.zeros(2, 3, 4, 5, 5), torch.zeros(2, 2, 2, 2), size=SIZE)
