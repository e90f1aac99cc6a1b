# SPDX-License-Identifier: Apache-2.0
"""A map of any size enters; the means of its square cells leave, on which maps of different sharpness can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class CellMeans:
    """Means over cells of ``cell_px`` x ``cell_px`` pixels, which are counted from the picture's own top left corner.

    Attributes:
        values: (h, w) float64, in the unit of the map; undefined where ``valid`` is false.
        valid: (h, w) bool, where at least half of the cell's pixels are valid; the others do not enter its mean.
        whole: (h, w) bool, where all are, so that another map's mean is of the same pixels.
        cell_px: side of a cell.
        first: (row, column) of the first cell, in cells.
    """

    values: NDArray[np.float64]
    valid: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    cell_px: int
    first: tuple[int, int] = (0, 0)

    def beside(self, part: CellMeans) -> CellMeans:
        """These means where ``part`` of the same picture has its own."""
        (top, left), (height, width) = part.first, part.values.shape
        rows, columns = slice(top, top + height), slice(left, left + width)
        return CellMeans(
            values=self.values[rows, columns],
            valid=self.valid[rows, columns],
            whole=self.whole[rows, columns],
            cell_px=self.cell_px,
            first=part.first,
        )

    def smooth(self, *, top: int, left: int, height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """A piece of the map drawn from its means: bilinear between the middles of the cells, level beyond the last.

        Args:
            top, left, height, width: the piece, in pixels of the picture.

        Returns:
            (height, width) values and where they are valid: where all the cells between which they lie are.
        """
        rows, down = self._between(top - self.first[0] * self.cell_px, height, self.values.shape[0])
        columns, across = self._between(left - self.first[1] * self.cell_px, width, self.values.shape[1])
        known = np.where(self.valid, self.values, 0.0)
        strips = (known[rows] * (1 - down)[:, None] + known[rows + 1] * down[:, None]).astype(np.float32)
        share = across.astype(np.float32)  # from here on arrays are as large as the piece
        values: NDArray[np.float32] = strips[:, columns] * (1 - share) + strips[:, columns + 1] * share
        sound = self.valid[rows] & self.valid[rows + 1]
        return values, sound[:, columns] & sound[:, columns + 1]

    def _between(self, start: int, length: int, cells: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """The upper (left) of two cells and the share of the lower (right); a single cell is its own neighbour."""
        place = np.clip((np.arange(start, start + length) + 0.5) / self.cell_px - 0.5, 0, cells - 1)
        lower = np.minimum(place.astype(np.intp), cells - 2)
        return lower, place - lower


def cell_means(
    values: NDArray[np.float32], valid: NDArray[np.bool_], *, cell_px: int, top: int = 0, left: int = 0
) -> CellMeans:
    """Means of the cells that lie wholly inside a piece of a picture.

    Args:
        values, valid: (H, W) piece; invalid values are not read.
        cell_px: side of a cell.
        top, left: where in the picture the piece begins, pixels.

    Returns:
        The same numbers for a cell, whichever piece it is seen in; only one row of cells is copied at a time.

    >>> cell_means(np.arange(8, dtype=np.float32).reshape(2, 4), np.ones((2, 4), bool), cell_px=2).values.tolist()
    [[2.5, 4.5]]
    """
    first = -(-top // cell_px), -(-left // cell_px)
    skip_rows, skip_columns = first[0] * cell_px - top, first[1] * cell_px - left
    h, w = (max(0, (values.shape[a] - skip) // cell_px) for a, skip in ((0, skip_rows), (1, skip_columns)))
    means, counts = np.zeros((h, w)), np.zeros((h, w), np.intp)
    for row in range(h):
        area = (
            slice(skip_rows + row * cell_px, skip_rows + (row + 1) * cell_px),
            slice(skip_columns, skip_columns + w * cell_px),
        )
        known = np.where(valid[area], values[area], 0).reshape(cell_px, w, cell_px)
        counts[row] = valid[area].reshape(cell_px, w, cell_px).sum(axis=(0, 2))
        means[row] = known.sum(axis=(0, 2), dtype=np.float64) / np.maximum(counts[row], 1)
    half, whole = 2 * counts >= cell_px**2, counts == cell_px**2
    return CellMeans(values=means, valid=half, whole=whole, cell_px=cell_px, first=first)
