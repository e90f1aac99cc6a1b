# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.geometry.level_shift import warp_by_level
from leadline.geometry.level_synthesis import synthesise_by_level

directions = pytest.mark.parametrize("direction", [1, -1])
LEVELS_PX = torch.tensor([0.0, 0.3, 1.0, 2.75, 5.5, 7.0, 40.0], dtype=torch.float64)


def inputs(batch: int = 2, height: int = 3, width: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(6)
    logits = 3 * torch.randn(batch, 7, height, width, generator=generator, dtype=torch.float64)
    return logits, torch.rand(batch, 3, height, width, generator=generator, dtype=torch.float64)


def spelt_out(logits: Tensor, image: Tensor, levels_px: Tensor, *, direction: int) -> Tensor:
    """The same with all moved pictures (B,C,N,H,W) in memory."""
    weights = warp_by_level(logits, levels_px, direction=direction).softmax(dim=1)
    planes = [one.unsqueeze(1).expand_as(logits) for one in image.unbind(dim=1)]
    frames = torch.stack([warp_by_level(one, levels_px, direction=direction, padding="border") for one in planes], dim=1)
    return (frames * weights.unsqueeze(1)).sum(dim=2)


@directions
def test_synthesis__equals_the_sum_over_moved_pictures(direction: int) -> None:
    logits, image = inputs()
    found = synthesise_by_level(logits, image, LEVELS_PX, direction=direction)
    torch.testing.assert_close(found, spelt_out(logits, image, LEVELS_PX, direction=direction), rtol=0, atol=1e-12)


@directions
def test_synthesis__has_the_gradients_of_that_sum(direction: int) -> None:
    logits, image = inputs()
    above = torch.rand(image.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    found, wanted = (
        torch.autograd.grad(form(*leaves, LEVELS_PX, direction=direction), leaves, above)
        for form in (synthesise_by_level, spelt_out)
        for leaves in [(logits.clone().requires_grad_(), image.clone().requires_grad_())]
    )
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_synthesis__gives_a_gradient_to_the_picture_or_the_logits_alone() -> None:
    logits, image = inputs(batch=1, height=1, width=4)
    assert torch.autograd.gradcheck(
        lambda one: synthesise_by_level(one, image, LEVELS_PX, direction=1), logits.clone().requires_grad_()
    )
    assert torch.autograd.gradcheck(
        lambda one: synthesise_by_level(logits, one, LEVELS_PX, direction=1), image.clone().requires_grad_()
    )


def test_synthesis__keeps_its_inputs_and_does_not_overflow() -> None:
    logits, image = inputs()
    large = (1e4 * logits).float()
    before = large.clone(), image.float()
    made = synthesise_by_level(large, before[1], LEVELS_PX, direction=1)
    assert torch.equal(large, before[0])
    assert made.isfinite().all()
    assert made.min() >= 0
    assert made.max() <= 1


def test_synthesis__needs_one_size() -> None:
    logits, image = inputs()
    with pytest.raises(ContractError, match=r"\(2, 3, 3, 6\) beside \(2, 7, 3, 7\); resize the volume"):
        synthesise_by_level(logits, image[..., :-1], LEVELS_PX, direction=1)
    with pytest.raises(ContractError, match="one level"):
        synthesise_by_level(logits, image, LEVELS_PX[:-1], direction=1)
