# SPDX-License-Identifier: Apache-2.0
"""One view's picture and its logits over disparity levels enter, the other view as they foretell it leaves.

Nothing of the size of the volume is made but the exponentials of the moved logits, in the forward pass, and the gradient, in
the backward one: every other number lives for one plane.  Memory that is touched for the first time is what such a volume
costs most on a CPU.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from leadline.contracts.errors import ContractError
from leadline.geometry.level_shift import Shift, add_moved, check_levels, level_shifts, put_moved
from leadline.geometry.warp import check_warp


class _Source(NamedTuple):
    """A picture wide enough that each shift is a slice of it; ``step`` is from each column to the next."""

    wide: Tensor
    step: Tensor
    left: int


def synthesise_by_level(logits: Tensor, image: Tensor, levels_px: Tensor, *, direction: int) -> Tensor:
    """Softmax of the moved logits as weights of the moved pictures: logits are 0 outside, pictures replicated.

    The same as ``warp_by_level`` of the logits, a softmax over levels, and the weighted sum of the picture moved by each
    level; a hundredth of the memory of the moved pictures.

    Args:
        logits: (B,N,H,W) float32 or float64 of the view that is given.
        image: (B,C,H,W) of that view and that dtype, of any unit.
        levels_px: (N,) disparity of each plane in pixels of this width.
        direction: +1 where the view that leaves is the left one, -1 where it is the right one.

    Returns:
        (B,C,H,W) in the image's unit.

    Raises:
        ContractError: sizes or numbers that differ, a direction other than +1 and -1.

    >>> row = torch.tensor([[[[1.0, 2.0, 4.0]]]])
    >>> synthesise_by_level(torch.zeros(1, 2, 1, 3), row, torch.tensor([0.0, 1.0]), direction=1).flatten().tolist()
    [1.0, 1.5, 3.0]
    """
    check_warp(direction, "border")
    check_levels(logits, levels_px)
    if image.ndim != 4 or image.shape[0] != logits.shape[0] or image.shape[2:] != logits.shape[2:]:
        raise ContractError(
            expected="a picture of the size of its volume, (B,C,H,W) beside (B,N,H,W)",
            got=f"{tuple(image.shape)} beside {tuple(logits.shape)}",
            remedy="resize the volume to the picture first",
        )
    shifts = level_shifts(levels_px, direction=direction, width=image.shape[-1])
    left = max(0, -min(shift.whole for shift in shifts))
    right = max(0, max(shift.whole for shift in shifts) + 1)
    wide = F.pad(image, (left, right, 0, 0), mode="replicate")
    made: Tensor = _Synthesis.apply(logits, wide, shifts, left)
    return made


class _Synthesis(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, logits: Tensor, wide: Tensor, shifts: list[Shift], left: int) -> Tensor:
        source, width = _Source(wide, wide.diff(dim=-1), left), logits.shape[-1]
        weights = _moved_exponentials(logits, shifts)
        total, made = torch.zeros_like(weights[:, 0]), wide.new_zeros(*wide.shape[:-1], width)
        moved = torch.empty_like(made)
        for i, shift in enumerate(shifts):
            total += weights[:, i]
            made.addcmul_(_picture(source, shift, moved), weights[:, i : i + 1])
        made /= total.unsqueeze(1)
        ctx.save_for_backward(weights, total, wide, made)
        ctx.shifts, ctx.left = shifts, left  # type: ignore[attr-defined]
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, above: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        weights, total, wide, made = ctx.saved_tensors  # type: ignore[attr-defined]
        above = above / total.unsqueeze(1)
        to_logits, to_wide, _, _ = ctx.needs_input_grad  # type: ignore[attr-defined]
        shifts, left = ctx.shifts, ctx.left  # type: ignore[attr-defined]
        return (
            _gradient_of_logits(weights, _Source(wide, wide.diff(dim=-1), left), made, above, shifts) if to_logits else None,
            _gradient_of_picture(weights, wide, above, shifts, left) if to_wide else None,
            None,
            None,
        )


def _moved_exponentials(logits: Tensor, shifts: list[Shift]) -> Tensor:
    """``exp(l - max_N l)`` of the moved logits: (B,N,H,W) -> (B,N,H,W)."""
    weights = torch.empty_like(logits)
    for i, (whole, share) in enumerate(shifts):
        put_moved(weights[:, i], logits[:, i], offset=whole, weight=1 - share)
        add_moved(weights[:, i], logits[:, i], offset=whole + 1, weight=share)
    greatest = weights.amax(dim=1)
    for i in range(len(shifts)):
        weights[:, i].sub_(greatest).exp_()
    return weights


def _gradient_of_logits(weights: Tensor, source: _Source, made: Tensor, above: Tensor, shifts: list[Shift]) -> Tensor:
    """``w_i (above . (I_i - made))``, moved back; ``above`` is already divided by the sum of weights.  -> (B,N,H,W)."""
    below = torch.empty_like(weights)
    mean, moved = (above * made).sum(dim=1), torch.empty_like(above)
    for i, shift in enumerate(shifts):
        answer = _picture(source, shift, moved).mul_(above).sum(dim=1).sub_(mean).mul_(weights[:, i])
        put_moved(below[:, i], answer, offset=-shift.whole, weight=1 - shift.share)
        add_moved(below[:, i], answer, offset=-shift.whole - 1, weight=shift.share)
    return below


def _gradient_of_picture(weights: Tensor, wide: Tensor, above: Tensor, shifts: list[Shift], left: int) -> Tensor:
    below, width = torch.zeros_like(wide), above.shape[-1]
    for i, (whole, share) in enumerate(shifts):
        answer, start = above * weights[:, i : i + 1], left + whole
        below[..., start : start + width].add_(answer, alpha=1 - share)
        below[..., start + 1 : start + 1 + width].add_(answer, alpha=share)
    return below


def _picture(source: _Source, shift: Shift, out: Tensor) -> Tensor:
    """The picture moved by one level, written into ``out`` (B,C,H,W)."""
    columns = slice(source.left + shift.whole, source.left + shift.whole + out.shape[-1])
    return torch.add(source.wide[..., columns], source.step[..., columns], alpha=shift.share, out=out)
