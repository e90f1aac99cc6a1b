# SPDX-License-Identifier: Apache-2.0
"""A tile's map and the means of the global pass enter; the tile in the pass's numbers leaves.

A factor (and an offset, where the kind leaves one free) does most of it.  What then still differs over more than a few
cells, such as depth that a tile of bare sky makes up, is taken from the pass; what differs in thin lines is the tile's own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from leadline.inference.agreement import Fit, robust_fit
from leadline.inference.tiles.cell_means import CellMeans, cell_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthKind, DepthMap

MIN_EXPLAINED = 0.25
"""A tile of an affine kind that explains less of the global pass's variance contradicts it (correlation below 0.5)."""
_WINDOW_CELLS = 5
"""Side of the median window: disagreement narrower than half of it is detail that the pass was too coarse to see."""


def fit_tile(tile: DepthMap, reference: CellMeans, *, top: int, left: int) -> tuple[DepthMap, Fit | None]:
    """Bring a tile to the numbers of the global pass.

    Args:
        tile: (h, w) map of a piece of the picture.
        reference: the pass over the whole picture.
        top, left: where the piece begins, in pixels of the picture.

    Returns:
        The tile in the pass's numbers and the fit; or, where the two contradict each other, the pass itself, drawn smooth
        from its means, and None.  Where they have no valid cell in common, a tile of an affine kind has no meaning and
        becomes invalid; any other stays as it is.
    """
    usable = tile.valid & np.isfinite(tile.values)
    means = cell_means(tile.values, usable, cell_px=reference.cell_px, top=top, left=left)
    beside = reference.beside(means)
    both = means.valid & beside.valid
    whole = both & means.whole & beside.whole
    if 2 * whole.sum() > both.sum():  # else holes are everywhere, and means of nearly the same pixels must do
        both = whole
    if not both.any():
        return replace(tile, valid=usable & tile.kind.in_true_units), None
    fit = robust_fit(predicted=means.values[both], target=beside.values[both], kind=tile.kind)
    height, width = tile.values.shape
    if fit is None or (tile.kind.has_free_offset and fit.explained < MIN_EXPLAINED):
        values, valid = reference.smooth(top=top, left=left, height=height, width=width)
        return replace(tile, values=values, valid=valid & usable), None
    fitted = tile.values * np.float32(fit.scale) + np.float32(fit.shift)
    left_over = replace(
        means, values=_broad(means.values * fit.scale + fit.shift, beside.values, both, tile.kind), valid=np.ones_like(both)
    )
    correction, _ = left_over.smooth(top=top, left=left, height=height, width=width)
    fitted = fitted + correction if tile.kind.has_free_offset else fitted * correction
    return replace(tile, values=fitted, valid=usable), fit


def _broad(
    fitted: NDArray[np.float64], reference: NDArray[np.float64], both: NDArray[np.bool_], kind: DepthKind
) -> NDArray[np.float64]:
    """(h, w) median of what leads from the tile to the pass: an addend for affine kinds, else a factor, to keep signs."""
    if kind.has_free_offset:
        return _median(np.where(both, reference - fitted, 0.0))
    positive = both & (fitted > 0) & (reference > 0)
    return _median(np.divide(reference, fitted, out=np.ones_like(fitted), where=positive))


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(h, w) -> (h, w), each the median of the window around it, the edges being continued."""
    padded = np.pad(values, _WINDOW_CELLS // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_WINDOW_CELLS, _WINDOW_CELLS))
    median: NDArray[np.float64] = np.median(windows, axis=(2, 3))
    return median
