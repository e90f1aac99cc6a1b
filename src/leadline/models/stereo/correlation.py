# SPDX-License-Identifier: Apache-2.0
"""Two feature maps and disparity levels enter; how well each pixel fits the other view at each level leaves.

The plain way moves the other view's features once for each level and multiplies: N copies of the features.  Here the pixels
of a row are multiplied with those of the other view's row first, for the distances that a level can ask for, and the levels
are then read out of these products: interpolation is linear, so it may as well come last.  Nothing of size N x C exists,
forward or backward, and both steps are matrix products.

Shape suffixes: B images, C channels, H rows, W columns, N levels, R = B x H rows of all images, T columns of one tile, S the
greatest shift, U = T + S.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

# Columns that are multiplied together.  Wide tiles make larger products, but of T + S columns only S + 1 are read.
_TILE = 32


def row_correlation(*, target: Tensor, other: Tensor, shifts_px: tuple[float, ...], direction: int) -> Tensor:
    """Inner products of each target pixel with the other view's features, moved by each of N shifts along the row.

    cost[i, x] = <target[x], other[x - direction * shifts_px[i]]> / sqrt(C), between pixels by linear interpolation; beyond
    the picture its outermost column goes on.

    Args:
        target, other: (B,C,H,W) features of both views, no unit, of one shape.
        shifts_px: N shifts of at least 0, in pixels of these maps.
        direction: +1 where the target is the left view, -1 where it is the right.

    Returns:
        (B,N,H,W), at least float32 whatever autocast says, because a softmax follows.  It can be differentiated once.
    """
    with torch.autocast(target.device.type, enabled=False):
        wide = torch.float64 if target.dtype is torch.float64 else torch.float32
        reading = _reading(shifts_px, target.shape[-1], direction, wide, target.device)
        product: Tensor = _RowCorrelation.apply(target.to(wide), other.to(wide), reading, direction)
    return product


class _RowCorrelation(torch.autograd.Function):
    """The products of all tiles, and on the way back the same tiles again; only both maps are kept in between."""

    @staticmethod
    def forward(ctx: Any, target: Tensor, other: Tensor, reading_SN: Tensor, direction: int) -> Tensor:
        ctx.save_for_backward(target, other, reading_SN)
        ctx.direction = direction
        B, C, H, W = target.shape
        reach = len(reading_SN) - 1
        target_RCW, other_RCU = _rows(target), _extended(_rows(other), reach, direction)
        costs_RNW = target.new_empty(B * H, reading_SN.shape[1], W)
        for start in range(0, W, _TILE):
            tile_RCT = target_RCW[:, :, start : start + _TILE]
            width = tile_RCT.shape[2]
            products = torch.bmm(tile_RCT.transpose(1, 2), other_RCU[:, :, start : start + width + reach])
            read_RNT = torch.matmul(reading_SN.T, _diagonals(products, reach).transpose(1, 2))
            costs_RNW[:, :, start : start + width] = read_RNT
        return costs_RNW.mul_(1 / math.sqrt(C)).view(B, H, -1, W).transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        target, other, reading_SN = ctx.saved_tensors
        B, C, H, W = target.shape
        reach = len(reading_SN) - 1
        target_RCW, other_RCU = _rows(target), _extended(_rows(other), reach, ctx.direction)
        gradient_RNW = gradient.transpose(1, 2).reshape(B * H, -1, W)
        reading_NS = reading_SN.T / math.sqrt(C)
        of_target, of_other = target.new_empty(B * H, C, W), target.new_zeros(B * H, C, W + reach)
        for start in range(0, W, _TILE):
            tile_RCT = target_RCW[:, :, start : start + _TILE]
            width = tile_RCT.shape[2]
            seen = slice(start, start + width + reach)
            products = gradient.new_zeros(B * H, width, width + reach)
            wanted_RTN = gradient_RNW[:, :, start : start + width].transpose(1, 2)
            _diagonals(products, reach).copy_(torch.matmul(wanted_RTN, reading_NS))
            of_target[:, :, start : start + width] = torch.bmm(other_RCU[:, :, seen], products.transpose(1, 2))
            of_other[:, :, seen] += torch.bmm(tile_RCT, products)
        return _maps(of_target, B), _maps(_folded(of_other, reach, ctx.direction), B), None, None


@lru_cache(maxsize=64)
def _reading(shifts_px: tuple[float, ...], width: int, direction: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(S+1,N) weights with which the products of a pixel with S + 1 neighbours become its costs at N levels."""
    with torch.inference_mode(mode=False), torch.device("cpu"):  # kept for later calls, which may need gradients
        # Beyond the picture all columns are equal, so that no shift needs to be greater than its width.
        shifts_N = torch.tensor(shifts_px, dtype=torch.float64).clamp(max=width - 1)
        distances_S = torch.arange(math.ceil(float(shifts_N.max())) + 1, dtype=torch.float64)
        weights_SN = (1 - (distances_S[:, None] - shifts_N).abs()).clamp(min=0)
        # The neighbours come from left to right: for a left target from the farthest to the pixel's own place.
        return (weights_SN.flip(0) if direction > 0 else weights_SN).to(device, dtype)


def _rows(maps: Tensor) -> Tensor:
    """(B,C,H,W) -> (R,C,W)."""
    return maps.transpose(1, 2).flatten(0, 1)


def _maps(rows_RCW: Tensor, batch: int) -> Tensor:
    """The inverse of ``_rows``."""
    return rows_RCW.reshape(batch, -1, *rows_RCW.shape[1:]).transpose(1, 2)


def _extended(rows_RCW: Tensor, reach: int, direction: int) -> Tensor:
    """(R,C,W) -> (R,C,W+S): the outermost column again, at the side from which a shift brings columns in."""
    before, after = (reach, 0) if direction > 0 else (0, reach)
    return F.pad(rows_RCW, (before, after), mode="replicate")


def _folded(rows_RCU: Tensor, reach: int, direction: int) -> Tensor:
    """What flows back through ``_extended``: (R,C,W+S) -> (R,C,W)."""
    width = rows_RCU.shape[2] - reach
    if direction > 0:
        inner = rows_RCU[:, :, reach:]
        inner[:, :, 0] += rows_RCU[:, :, :reach].sum(dim=2)
    else:
        inner = rows_RCU[:, :, :width]
        inner[:, :, -1] += rows_RCU[:, :, width:].sum(dim=2)
    return inner


def _diagonals(products_RTU: Tensor, reach: int) -> Tensor:
    """A view of (R,T,T+S) products: (R,T,S+1), for each pixel those with the S + 1 places from its own on."""
    rows, tile, seen = products_RTU.shape
    return products_RTU.as_strided((rows, tile, reach + 1), (tile * seen, seen + 1, 1))
