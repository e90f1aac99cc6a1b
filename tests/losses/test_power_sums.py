# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.losses.power_sums import power_sums


def noise(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def written_out(embeddings_VND: Tensor, directions_DM: Tensor, *, spacing: float, powers: int) -> Tensor:
    """Every cosine and sine by itself, (V,M,K,2)."""
    angle_VMNK = (embeddings_VND @ directions_DM).mT[..., None] * (spacing * torch.arange(powers, dtype=torch.float64))
    return torch.stack([angle_VMNK.cos().sum(2), angle_VMNK.sin().sum(2)], dim=-1)


def test_power_sums__are_the_sums_of_cosines_and_sines_with_their_gradient() -> None:
    views, directions = noise(3, 7, 5).requires_grad_(), noise(5, 11, seed=1)
    found = power_sums(views, directions, spacing=0.19, powers=17)
    expected = written_out(views, directions, spacing=0.19, powers=17)
    assert found.shape == (3, 11, 17, 2)
    torch.testing.assert_close(found, expected)
    weights = noise(3, 11, 17, 2, seed=2)
    one, other = (torch.autograd.grad((sums * weights).sum(), views)[0] for sums in (found, expected))
    torch.testing.assert_close(one, other)


def test_power_sums__has_the_right_gradient() -> None:
    views, directions = noise(2, 3, 4).requires_grad_(), noise(4, 5, seed=1)
    assert torch.autograd.gradcheck(lambda one: power_sums(one, directions, spacing=0.3, powers=6, at_once=2), views)


@pytest.mark.parametrize("at_once", [1, 3, 11, 100])
def test_power_sums__of_any_block_are_the_same(at_once: int) -> None:
    views, directions = noise(2, 7, 5).requires_grad_(), noise(5, 11, seed=1)
    found, whole = (power_sums(views, directions, spacing=0.19, powers=9, at_once=blocks) for blocks in (at_once, 0))
    torch.testing.assert_close(found, whole)
    one, other = (torch.autograd.grad(sums.square().sum(), views)[0] for sums in (found, whole))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("size", "tolerance"), [(1.0, 1e-6), (30.0, 1e-5)])
def test_power_sums__lose_little_to_rounding_over_many_powers(size: float, tolerance: float) -> None:
    views, directions = size * noise(1, 64, 1), torch.ones(1, 1, dtype=torch.float64)
    exact = written_out(views.float().double(), directions, spacing=3 / 64, powers=65)
    found = power_sums(views.float(), directions.float(), spacing=3 / 64, powers=65)
    torch.testing.assert_close(found.double() / 64, exact / 64, rtol=0, atol=tolerance)


def test_power_sums__keeps_only_embeddings_and_directions_for_the_backward_pass() -> None:
    views, directions = noise(2, 64, 16).requires_grad_(), noise(16, 512, seed=1)
    kept: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        power_sums(views, directions, spacing=0.2, powers=17)
    assert sum(kept) == views.numel() + directions.numel()


def test_power_sums__says_that_its_gradient_has_none() -> None:
    views = noise(1, 3, 2).requires_grad_()
    sums = power_sums(views, noise(2, 2, seed=1), spacing=0.2, powers=3)
    (gradient,) = torch.autograd.grad(sums.square().sum(), views, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()  # type: ignore[no-untyped-call]
