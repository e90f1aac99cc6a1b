# SPDX-License-Identifier: Apache-2.0
"""Ordinal pairs follow the picture: pairs and a move of pixel centres enter, pairs at the new pixels leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from leadline.contracts.sample import OrdinalPairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def moved_pairs(pairs: OrdinalPairs, move: Callable[[Tensor], Tensor], *, height: int, width: int) -> OrdinalPairs:
    """Both pixels of every pair at their new places.

    Args:
        pairs: P pairs, (P, 2) int64 pixels as (row, column) each.
        move: (P, 2) float64 positions of pixel centres -> (P, 2) positions in the new picture.
        height, width: size of the new picture in pixels.

    Returns:
        P pairs, (P, 2) int64 pixels each.  A pair of which a pixel left the picture, or whose pixels fell together, becomes
        invalid; its coordinates stay inside the picture, so that indexing with them is harmless.

    >>> pair = OrdinalPairs(nearer_rc=torch.tensor([[0, 1]]), farther_rc=torch.tensor([[1, 0]]), valid=torch.tensor([True]))
    >>> moved_pairs(pair, lambda rc: 2 * rc, height=4, width=4).nearer_rc.tolist()
    [[1, 3]]
    """
    nearer, nearer_inside = _moved_pixels(pairs.nearer_rc, move, height, width)
    farther, farther_inside = _moved_pixels(pairs.farther_rc, move, height, width)
    distinct = (nearer != farther).any(dim=-1)
    return OrdinalPairs(nearer_rc=nearer, farther_rc=farther, valid=pairs.valid & nearer_inside & farther_inside & distinct)


def _moved_pixels(pixels: Tensor, move: Callable[[Tensor], Tensor], height: int, width: int) -> tuple[Tensor, Tensor]:
    """New (P, 2) int64 pixels and (P,) bool, whether each is inside."""
    moved = torch.floor(move(pixels.to(torch.float64) + 0.5)).to(torch.int64)
    last = torch.tensor([height - 1, width - 1])
    clipped = torch.minimum(moved.clamp(min=0), last)
    return clipped, (clipped == moved).all(dim=-1)
