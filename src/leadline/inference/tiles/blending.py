# SPDX-License-Identifier: Apache-2.0
"""Tiles with weights enter from top to bottom; one map without seams leaves, normalised band by band."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Blend:
    """Weighted means of what lies over each pixel.

    Holds ``layers`` float32 maps and one bool map of the picture's size, and weights for a band of rows as high as a tile.

    Args:
        size: (height, width) of the picture in pixels.
        band_px: greatest height of what is added before rows are finished.
        layers: maps that are blended alike, e.g. depth and confidence.

    Attributes:
        maps: (layers, H, W) float32; weighted means in finished rows, 0 where nothing valid was added.
        valid: (H, W) bool, where finished rows got a valid value.
    """

    def __init__(self, size: Sequence[int], *, band_px: int, layers: int) -> None:
        height, width = size
        self.maps = np.zeros((layers, height, width), np.float32)
        self.valid = np.zeros((height, width), bool)
        self._weights = np.zeros((min(band_px, height), width), np.float32)
        self._finished_px = 0

    def add(
        self,
        layers: Sequence[NDArray[np.float32]],
        valid: NDArray[np.bool_],
        weights: NDArray[np.float32],
        *,
        at: Sequence[int],
    ) -> None:
        """Put a tile over the picture.

        Args:
            layers: (h, w) maps, each in the unit of its layer; invalid values are not read.
            valid: (h, w).
            weights: (h, w), at least 0.
            at: (row, column) of its top left pixel; its rows lie in the band that begins at the last finished one.
        """
        (top, left), (height, width) = at, valid.shape
        counted = np.where(valid, weights, np.float32(0))
        for whole, layer in zip(self.maps, layers, strict=True):
            whole[top : top + height, left : left + width] += counted * np.where(valid, layer, np.float32(0))
        row = top - self._finished_px
        self._weights[row : row + height, left : left + width] += counted

    def finish(self, until_px: int) -> None:
        """Divide the rows above ``until_px`` by their weights; nothing may be added to them afterwards."""
        count = until_px - self._finished_px
        rows = slice(self._finished_px, until_px)
        total = self._weights[:count]
        self.valid[rows] = total > 0
        self.maps[:, rows] /= np.where(total > 0, total, np.float32(1))
        self._weights[: len(self._weights) - count] = self._weights[count:].copy()
        self._weights[len(self._weights) - count :] = 0
        self._finished_px = until_px
