# SPDX-License-Identifier: Apache-2.0
"""A picture's size and a tile's side enter; where the tiles lie and how much each counts leave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

OVERLAP = 0.25
"""Least share of a tile's side that neighbours have in common: room to blend in, for 1/(3/4)^2 = 1.8 times the work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """The tiles along one side of the picture.

    Attributes:
        length_px: of the picture.
        tile_px: of each tile; at most ``length_px``.
        starts_px: ascending, from 0 to ``length_px - tile_px``, evenly spread; no tile hangs over the edge.
    """

    length_px: int
    tile_px: int
    starts_px: tuple[int, ...]

    def borders_px(self) -> list[int]:
        """Every b inside the picture such that a tile begins at pixel b or ends before it."""
        edges = {edge for start in self.starts_px for edge in (start, start + self.tile_px)}
        return sorted(edges - {0, self.length_px})

    def weights(self) -> list[NDArray[np.float32]]:
        """For each tile (tile_px,) how much each of its pixels counts, above 0; at each pixel the tiles sum to one.

        Each rises and falls as a squared sine over what it shares with its neighbour, so that neither the map nor its slope
        jumps where a tile begins.
        """
        raised = [self._raised(index) for index in range(len(self.starts_px))]
        total = np.zeros(self.length_px)
        for start, weight in zip(self.starts_px, raised, strict=True):
            total[start : start + self.tile_px] += weight
        return [
            (weight / total[start : start + self.tile_px]).astype(np.float32)
            for start, weight in zip(self.starts_px, raised, strict=True)
        ]

    def _raised(self, index: int) -> NDArray[np.float64]:
        weight = np.ones(self.tile_px)
        if index > 0:
            weight *= _ramp(self.starts_px[index - 1] + self.tile_px - self.starts_px[index], self.tile_px)
        if index < len(self.starts_px) - 1:
            weight *= _ramp(self.starts_px[index] + self.tile_px - self.starts_px[index + 1], self.tile_px)[::-1]
        return weight


def _ramp(shared_px: int, tile_px: int) -> NDArray[np.float64]:
    """(tile_px,) in (0, 1]: up over the first ``shared_px`` pixels, then 1."""
    place = (np.arange(tile_px) + 0.5) / shared_px
    ramp: NDArray[np.float64] = np.sin(np.pi / 2 * np.minimum(place, 1.0)) ** 2
    return ramp


def tile_axis(length_px: int, side_px: int, overlap: float = OVERLAP) -> Axis:
    """The fewest tiles of ``side_px`` that cover ``length_px`` and share at least ``overlap`` of their side.

    Args:
        length_px: of the picture's side.
        side_px: of a tile; a shorter picture gets one tile of its own length.
        overlap: in (0, 1).

    >>> tile_axis(10, 4).starts_px, tile_axis(3, 4).starts_px
    ((0, 3, 6), (0,))
    """
    tile = min(side_px, length_px)
    shared = max(1, math.ceil(overlap * tile)) if tile > 1 else 0
    count = 1 if tile == length_px else 1 + math.ceil((length_px - tile) / (tile - shared))
    step = (length_px - tile) / max(count - 1, 1)
    return Axis(length_px=length_px, tile_px=tile, starts_px=tuple(round(index * step) for index in range(count)))


@dataclass(frozen=True, kw_only=True, slots=True)
class TileGrid:
    """Tiles over a picture: every row of tiles with every column."""

    rows: Axis
    columns: Axis

    @property
    def count(self) -> int:
        """How many tiles."""
        return len(self.rows.starts_px) * len(self.columns.starts_px)


def tile_grid(size: Sequence[int], side_px: int) -> TileGrid:
    """The grid for a picture of ``size`` (height, width), all in pixels.

    >>> tile_grid((10, 3), 4).count
    3
    """
    return TileGrid(rows=tile_axis(size[0], side_px), columns=tile_axis(size[1], side_px))
