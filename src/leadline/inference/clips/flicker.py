# SPDX-License-Identifier: Apache-2.0
"""The frames of a clip enter one by one; how much their depth flickers where the picture stands still leaves."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.depth_map import DepthKind
from leadline.inference.clips.grid import sampled, still

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthMap

DEFINITION = (
    "mean over triples of consecutive frames of the median over still pixels of |x[t+1] - 2 x[t] + x[t-1]| / s; "
    "s is x[t] for kinds with a true zero, else the frame's 5th to 95th percentile; "
    "still: brightness changed by less than 0.03 of full scale, beyond the frame's median change, in both steps"
)
FEWEST_STILL = 20  # cells; the median of fewer says little
_TRUE_ZERO = frozenset({DepthKind.METRIC, DepthKind.SCALE_INVARIANT, DepthKind.STEREO_DISPARITY})


@dataclass(frozen=True, slots=True)
class _Cells:
    values: NDArray[np.float32]
    usable: NDArray[np.bool_]
    picture: NDArray[np.float32]


class FlickerMeter:
    """Measures one clip; holds three coarse frames, whatever the clip's length.

    The second difference is blind to steady motion and to slow drift, and sees what jumps to and fro.
    """

    def __init__(self) -> None:
        self._last: deque[_Cells] = deque(maxlen=3)
        self._found: list[float] = []

    def add(self, depth: DepthMap, picture: NDArray[np.float32]) -> None:
        """The next frame: its map (H, W), and its brightness (h, w) from ``clip_grid.brightness``."""
        values, usable = sampled(depth)
        self._last.append(_Cells(values, usable, picture))
        if len(self._last) == 3:
            found = _flicker(*self._last, kind=depth.kind)
            if found is not None:
                self._found.append(found)

    def cut(self) -> None:
        """The next frame shows another scene: nothing is compared across."""
        self._last.clear()

    @property
    def triples(self) -> int:
        """Triples of frames that counted."""
        return len(self._found)

    @property
    def value(self) -> float | None:
        """The clip's flicker as ``DEFINITION`` says, no unit; None before three frames with still pixels were seen."""
        return float(np.mean(self._found)) if self._found else None


def _flicker(before: _Cells, now: _Cells, after: _Cells, *, kind: DepthKind) -> float | None:
    chosen = before.usable & now.usable & after.usable
    chosen &= still(before.picture, now.picture) & still(now.picture, after.picture)
    if np.count_nonzero(chosen) < FEWEST_STILL:
        return None
    bend = np.abs(after.values - 2 * now.values + before.values)[chosen].astype(np.float64)
    size: NDArray[np.float64] | np.float64
    if kind in _TRUE_ZERO:
        size = np.abs(now.values[chosen]).astype(np.float64)
    else:
        low, high = np.percentile(now.values[now.usable].astype(np.float64), (5, 95))
        size = high - low
    return float(np.median(bend / np.maximum(size, np.finfo(np.float32).tiny)))
