# SPDX-License-Identifier: Apache-2.0
"""Frames on a coarse grid: pictures and maps enter, few enough numbers to compare frame with frame leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthMap

LONGER_SIDE = 128
"""Cells along the longer side; 9216 of a 16:9 frame, enough for two coefficients and quick to fit."""
STILL = 0.03
"""A cell whose brightness, beyond the change of the whole frame, moved by less of full scale shows the same thing still.

Above the noise of a cell's mean in compressed video (under 0.01), below the step at the edge of what moves.
"""


def grid_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns for a frame of so many pixels.

    >>> grid_size(1080, 1920), grid_size(20, 30)
    ((72, 128), (20, 30))
    """
    factor = min(1.0, LONGER_SIDE / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def brightness(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) uint8 -> (h, w) mean brightness of each cell in [0, 1]."""
    rows, columns = grid_size(*rgb.shape[:2])
    cells = Image.fromarray(rgb).convert("L").resize((columns, rows), Image.Resampling.BOX)
    return np.asarray(cells, np.float32) / np.float32(255)


def sampled(depth: DepthMap) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The map's own value in the middle of each cell, in its unit, and whether it is valid and finite: (h, w) each."""
    height, width = depth.values.shape
    rows, columns = grid_size(height, width)
    picked = np.ix_(_middles(rows, height), _middles(columns, width))
    values = depth.values[picked]
    return values, depth.valid[picked] & np.isfinite(values)


def still(before: NDArray[np.float32], now: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cells (h, w) that show the same thing in two frames; a change of the whole frame, as by exposure, does not count."""
    change = now - before
    quiet: NDArray[np.bool_] = np.abs(change - np.median(change)) < STILL
    return quiet


def likeness(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """Correlation of two frames' brightness (h, w), in [-1, 1]; 1 where both are of one colour."""
    one, other = before - before.mean(), now - now.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / size if size > 0 else 1.0


def _middles(cells: int, pixels: int) -> NDArray[np.intp]:
    return ((np.arange(cells) + 0.5) * pixels / cells).astype(np.intp)
