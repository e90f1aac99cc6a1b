# SPDX-License-Identifier: Apache-2.0
"""Planes and one disparity for each of them enter, the moved planes leave.

A plane moves as a whole, so two slices of it and two weights are all there is to it: no sampling grid is made.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from leadline.contracts.errors import ContractError
from leadline.geometry.warp import Padding, check_warp


class Shift(NamedTuple):
    """Column x of a moved plane is ``(1 - share) * plane[x + whole] + share * plane[x + whole + 1]``."""

    whole: int
    share: float


def warp_by_level(planes: Tensor, levels_px: Tensor, *, direction: int, padding: Padding = "zeros") -> Tensor:
    """Each plane of the other view's volume, moved into the target view by its own disparity.

    Args:
        planes: (B,N,H,W) of any unit.
        levels_px: (N,) disparity of each plane in pixels of this width.
        direction: +1 for a left target, -1 for a right one.
        padding: what is seen outside.

    Returns:
        (B,N,H,W) in the planes' unit and dtype: plane i at column x is the given one at ``x - direction * levels_px[i]``.

    Raises:
        ContractError: another number of levels than of planes, another direction or padding.

    >>> row = torch.tensor([1.0, 2.0, 4.0]).expand(1, 2, 1, 3)
    >>> warp_by_level(row, torch.tensor([1.0, 0.5]), direction=1).squeeze().tolist()
    [[0.0, 1.0, 2.0], [0.5, 1.5, 3.0]]
    """
    check_warp(direction, padding)
    check_levels(planes, levels_px)
    shifts = level_shifts(levels_px, direction=direction, width=planes.shape[-1])
    moved: Tensor = _MovedPlanes.apply(planes, shifts, padding)
    return moved


def check_levels(planes: Tensor, levels_px: Tensor) -> None:
    """Refuse planes that are not (B,N,H,W) with a level (N,) each.

    Raises:
        ContractError: saying both shapes.
    """
    if planes.ndim != 4 or levels_px.shape != planes.shape[1:2]:
        raise ContractError(
            expected="planes (B,N,H,W) and one level (N,) for each",
            got=f"{tuple(planes.shape)} and {tuple(levels_px.shape)}",
            remedy="pass the levels with which the volume was built",
        )


def level_shifts(levels_px: Tensor, *, direction: int, width: int) -> list[Shift]:
    """How far each plane moves: (N,) pixels of ``width`` columns -> N shifts, each with a share in [0, 1).

    Farther than a width a plane is all outside, so a shift ends there.

    >>> level_shifts(torch.tensor([2.0, 0.25]), direction=1, width=8)
    [Shift(whole=-2, share=0.0), Shift(whole=-1, share=0.75)]
    """
    offsets = [min(max(-direction * level, -width - 1), width + 1) for level in levels_px.tolist()]
    return [Shift(math.floor(offset), offset - math.floor(offset)) for offset in offsets]


class _MovedPlanes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, planes: Tensor, shifts: list[Shift], padding: Padding) -> Tensor:
        ctx.shifts, ctx.padding = shifts, padding  # type: ignore[attr-defined]
        moved = torch.empty_like(planes)
        for i, (whole, share) in enumerate(shifts):
            target, plane = moved[:, i], planes[:, i]
            put_moved(target, plane, offset=whole, weight=1 - share)
            add_moved(target, plane, offset=whole + 1, weight=share)
            if padding == "border":
                before, after = _outside(whole, plane.shape[-1])
                target[..., :before] = plane[..., :1]
                target[..., after:] = plane[..., -1:]
        return moved

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, above: Tensor) -> tuple[Tensor, None, None]:
        below = torch.empty_like(above)
        for i, (whole, share) in enumerate(ctx.shifts):  # type: ignore[attr-defined]
            target, plane = below[:, i], above[:, i]
            if ctx.padding == "border":  # type: ignore[attr-defined]
                before, after = _outside(whole, plane.shape[-1])
                first, last = plane[..., :before].sum(dim=-1), plane[..., after:].sum(dim=-1)
                plane = plane.clone()
                plane[..., :before] = 0
                plane[..., after:] = 0
            put_moved(target, plane, offset=-whole, weight=1 - share)
            add_moved(target, plane, offset=-whole - 1, weight=share)
            if ctx.padding == "border":  # type: ignore[attr-defined]
                target[..., 0] += first
                target[..., -1] += last
        return below, None, None


def put_moved(target: Tensor, plane: Tensor, *, offset: int, weight: float) -> None:
    """``target[x] = weight * plane[x + offset]``, 0 where that lies outside; (B,H,W) both, in place."""
    first, last = _inside(offset, plane.shape[-1])
    target[..., :first] = 0
    target[..., last:] = 0
    torch.mul(plane[..., first + offset : last + offset], weight, out=target[..., first:last])


def add_moved(target: Tensor, plane: Tensor, *, offset: int, weight: float) -> None:
    """``target[x] += weight * plane[x + offset]`` where that lies inside; (B,H,W) both, in place."""
    first, last = _inside(offset, plane.shape[-1])
    target[..., first:last].add_(plane[..., first + offset : last + offset], alpha=weight)


def _inside(offset: int, width: int) -> tuple[int, int]:
    """Columns x with 0 <= x + offset < width, as a half-open range that may be empty."""
    first = min(max(0, -offset), width)
    return first, max(min(width, width - offset), first)


def _outside(whole: int, width: int) -> tuple[int, int]:
    """The column up to which a plane shows its first column only, and that from which it shows its last one only."""
    return min(max(0, -whole), width), max(min(width, width - 1 - whole), 0)
