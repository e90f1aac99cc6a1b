# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.sigreg import sigreg
from leadline.losses.variance import variance
from tests.losses.every_loss import TwoRanks


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def gradient(value: Tensor, leaf: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(value, leaf)
    return found


def test_variance__is_zero_where_every_dimension_has_unit_spread_wherever_it_lies() -> None:
    samples = noise(40, 6)
    unit = samples / samples.std(0) + 7
    assert variance(unit).item() == pytest.approx(0, abs=1e-12)
    assert variance(3 * unit).item() == pytest.approx(4, rel=1e-6)
    assert variance(unit / 2).item() == pytest.approx(0.25, rel=1e-6)


def test_variance__judges_dimensions_and_views_one_by_one() -> None:
    unit = noise(40, 2) / noise(40, 2).std(0)
    views = torch.stack([unit, unit * torch.tensor([1.0, 3.0])])
    assert variance(views).item() == pytest.approx((0 + 0 + 0 + 4) / 4, rel=1e-6)


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_variance__still_pulls_where_sigreg_has_let_go(factor: float) -> None:
    """Per sample, in the direction that brings the spread back to 1."""
    leaf = (factor * noise(64, 8)).requires_grad_()
    mine, other = (gradient(loss, leaf).norm() for loss in (variance(leaf), sigreg(leaf, step=0) / 64))
    assert mine > 0.01
    assert mine > 20 * other
    assert variance(leaf - 0.1 * factor * gradient(variance(leaf), leaf)) < variance(leaf)


def test_variance__of_one_point_or_a_batch_of_one_has_no_gradient() -> None:
    for shape in ((16, 4), (1, 4)):
        leaf = torch.full(shape, 2.0, requires_grad=True)
        value = variance(leaf)
        assert value.item() == pytest.approx(1, abs=1e-3)
        assert (gradient(value, leaf) == 0).all()


def test_variance__has_the_right_gradient() -> None:
    assert torch.autograd.gradcheck(variance, noise(2, 5, 3).requires_grad_())


def test_variance__of_two_uneven_ranks_equals_that_of_one_process_with_its_gradient() -> None:
    leaf = noise(2, 30, 4).requires_grad_()

    def on_rank(part: Tensor, _: Tensor, __: Tensor, sum_across: object = None) -> Tensor:
        return variance(part, sum_across=sum_across)  # type: ignore[arg-type]

    halves = [(leaf[:, part], leaf, leaf) for part in (slice(0, 21), slice(21, 30))]
    ranks = TwoRanks().losses(on_rank, halves)  # type: ignore[arg-type]
    alone = variance(leaf)
    torch.testing.assert_close(torch.stack(ranks), alone.expand(2))
    torch.testing.assert_close(gradient((ranks[0] + ranks[1]) / 2, leaf), gradient(alone, leaf))


def test_variance__computes_in_full_precision_and_keeps_nan() -> None:
    samples = noise(16, 4, dtype=torch.float32)
    expected = variance(samples)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(variance(samples), expected)
        assert variance(samples.bfloat16()).dtype == torch.float32
    assert variance(samples.double()).dtype == torch.float64
    samples[0, 0] = torch.nan
    assert variance(samples).isnan()


def test_variance__of_a_single_vector_is_refused() -> None:
    with pytest.raises(ContractError, match=r"expected embeddings \(...,N,D\).*; got \(8,\)"):
        variance(noise(8))
