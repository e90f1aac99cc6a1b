# SPDX-License-Identifier: Apache-2.0
"""A blended map and the borders of its pieces enter; how much more it changes at them than beside them or elsewhere leaves.

Two measures, for each misses what the other sees.  ``border_gradient_ratio`` compares the borders with the whole map and
needs no choice of a neighbourhood, but what a picture shows is not spread evenly: an untiled map scores 0.9 to 1.25 under
the same borders, so it is read beside the ratio of the global pass, which has no tiles and hence no seam.  ``seam_ratio``
compares each border with the lines next to it, where the picture is the same, and stands by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

REACH_PX = 4
"""How far from a border a step still counts as beside it.  Compared with the whole map instead, grids laid over thirteen
untouched photographs scored 0.95 to 1.24, for what a picture shows sits in its middle, as borders do; so 0.94 to 1.08."""
DEFINITIONS = {
    "seam_ratio": f"mean step across tile borders over the mean parallel step up to {REACH_PX} px beside them",
    "border_gradient_ratio": "mean gradient magnitude at tile borders over the mean elsewhere in the map; "
    "beside it the same of the global pass under the same borders, which is the picture's own share and no seam",
}
"""What the ratios of a tiled map are, for its record."""
_BAND_PX = 64  # rows looked at together, so that a large map is never copied
_ROUNDING = 1e-6  # of the mean value; steps below it are float32 rounding and no seam


def seam_ratio(
    values: NDArray[np.float32], valid: NDArray[np.bool_], *, rows: Sequence[int], columns: Sequence[int]
) -> float | None:
    """Mean step across the borders over the mean step beside them: 1 where borders are lines like any other.

    A step is |difference| of two neighbouring valid pixels, of b - 1 and b for a border b: downwards for ``rows``, sideways
    for ``columns``.  Beside a border are the parallel steps up to ``REACH_PX`` away that lie on no border.

    Args:
        values, valid: (H, W) map, any unit; the ratio has none.
        rows, columns: borders, each in 1..H-1 and 1..W-1.

    Returns:
        At least 0; None where there is no valid step across a border or none beside one.

    >>> steps = np.array([[0.0, 1.0, 2.0, 5.0, 6.0]], np.float32)
    >>> round(seam_ratio(steps, np.ones((1, 5), bool), rows=[], columns=[3]), 4)
    3.0
    """
    height, width = values.shape
    down, sideways = np.zeros((2, height - 1)), np.zeros((2, width - 1))  # sum and count of the steps along each line
    size, known = 0.0, 0
    for start in range(0, height, _BAND_PX):
        band = slice(start, start + _BAND_PX + 1)  # with the next row, so that no step is left out
        sound = valid[band]
        here = np.where(sound, values[band], 0)
        size, known = size + float(np.abs(here).sum(dtype=np.float64)), known + int(sound.sum())
        down[:, band.start : band.start + len(here) - 1] = _steps(here.T, sound.T)
        sideways += _steps(here[:_BAND_PX], sound[:_BAND_PX])
    total = _compared(down, rows) + _compared(sideways, columns)
    if not total[2]:
        return None
    across, beside = total[:2] / total[2]
    return _ratio(across, beside, mean_value=size / known)


def border_gradient_ratio(
    values: NDArray[np.float32], valid: NDArray[np.bool_], *, rows: Sequence[int], columns: Sequence[int]
) -> float | None:
    """Mean gradient magnitude at the borders over the mean gradient magnitude everywhere else.

    The gradient of a pixel is (step to the next column, step to the next row), where all three pixels are valid; it is at a
    border b where one of the two steps leads from b - 1 to b.

    Args:
        values, valid: (H, W) map, any unit; the ratio has none.
        rows, columns: borders, each in 1..H-1 and 1..W-1.

    Returns:
        At least 0; None where no gradient is known at a border or none elsewhere.

    >>> steps = np.array([[0.0, 1.0, 2.0, 5.0, 6.0]] * 2, np.float32)
    >>> round(border_gradient_ratio(steps, np.ones((2, 5), bool), rows=[], columns=[3]), 4)
    3.0
    """
    height, width = values.shape
    on_row, on_column = np.zeros(height - 1, bool), np.zeros(width - 1, bool)
    on_row[[border - 1 for border in rows]] = True
    on_column[[border - 1 for border in columns]] = True
    at, elsewhere, all_values = np.zeros(2), np.zeros(2), np.zeros(2)  # sum and count of each
    for start in range(0, height - 1, _BAND_PX):
        band = slice(start, min(start + _BAND_PX + 1, height))
        sound = valid[band]
        here = np.where(sound, values[band], 0)
        known = sound[:-1, :-1] & sound[:-1, 1:] & sound[1:, :-1]
        steps = np.hypot(here[:-1, 1:] - here[:-1, :-1], here[1:, :-1] - here[:-1, :-1])
        border = on_row[start : start + len(steps), None] | on_column
        for total, chosen in ((at, known & border), (elsewhere, known & ~border)):
            total += (steps.sum(where=chosen, dtype=np.float64), np.count_nonzero(chosen))
        all_values += (np.abs(here).sum(dtype=np.float64), np.count_nonzero(sound))
    if not at[1] or not elsewhere[1]:
        return None
    return _ratio(at[0] / at[1], elsewhere[0] / elsewhere[1], mean_value=all_values[0] / all_values[1])


def _ratio(at_border: float, other: float, *, mean_value: float) -> float:
    """With steps below the rounding of ``mean_value`` taken for that rounding."""
    rounding = max(_ROUNDING * mean_value, np.finfo(np.float64).tiny.item())
    return float(max(at_border, rounding) / max(other, rounding))


def _steps(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(H, W) -> (2, W - 1): sum and count of the valid steps from each column to the next."""
    both = valid[:, 1:] & valid[:, :-1]
    sums = (np.abs(values[:, 1:] - values[:, :-1]) * both).sum(axis=0, dtype=np.float64)
    return np.stack([sums, both.sum(axis=0)])


def _compared(lines: NDArray[np.float64], borders: Sequence[int]) -> NDArray[np.float64]:
    """Sum of the steps across all borders, the sum that the mean step beside each lets one expect, and their number."""
    total, on_border = np.zeros(3), {border - 1 for border in borders}
    for place in on_border:
        reach = range(max(place - REACH_PX, 0), min(place + REACH_PX + 1, lines.shape[1]))
        near = lines[:, [one for one in reach if one not in on_border]].sum(axis=1)
        steps, count = lines[:, place]
        if near[1] and count:
            total += (steps, near[0] / near[1] * count, count)
    return total
