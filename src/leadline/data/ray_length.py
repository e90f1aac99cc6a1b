# SPDX-License-Identifier: Apache-2.0
"""Depth and its camera enter; whether planes are flat only if the numbers are lengths of rays and not z-depth leaves.

On a plane 1 / z is an affine function of the pixel, whatever the camera, and 1 / length is that divided by the length of the
pixel's ray, which bends it.  Windows of the picture that are planes to a few parts in a thousand under one reading, and
clearly none under the other, vote.  Measured on 60 procedural scenes and 38 real frames (NYU, ICL-NUIM, TUM, Redwood, 7
Scenes): no window of z-depth votes for length; of length 43 scenes and 3 of 5 ICL frames are told, while the noise of depth
cameras hides the difference, so that their frames do not vote at all, and one of Hypersim, stored so, has no plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leadline.geometry.camera import camera_rays

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    Map = NDArray[np.float64]

_CELLS_ACROSS = 48  # averaging first takes noise away, and time
_WINDOWS_ACROSS = (2, 3, 4)  # a window is such a part of the picture's width
_FEWEST_CELLS = 6  # along each side of a window
_FLAT = 0.004  # rms of what a plane leaves, as a share of the mean
_CLEARLY = 3.0  # times as much is left under the other reading
_ENOUGH_WINDOWS = 3


def holds_ray_length(depth: NDArray[np.float32], valid: NDArray[np.bool_], matrix: Tensor) -> bool:
    """Whether windows vote for ray length, at least three of them and four times as many as vote for z.

    Args:
        depth: (H, W) positive where valid, in any unit without offset.
        valid: (H, W).
        matrix: (3, 3) camera in pixels.
    """
    height, width = depth.shape
    size = max(1, width // _CELLS_ACROSS)
    across, down, _ = rays = camera_rays(matrix.double(), height, width).numpy()
    if not np.isfinite(rays).all():  # a focal length of 0
        return False
    usable = valid & (depth > 0)
    inverse = 1.0 / np.where(usable, depth, 1.0).astype(np.float64)
    if_length = inverse * np.sqrt(np.square(rays).sum(axis=0))
    known = _averaged(usable.astype(np.float64), size) == 1.0
    x, y, by_z, by_length = (_averaged(one, size) for one in (across, down, inverse, if_length))
    votes = {"z": 0, "length": 0}
    for window in _windows(*known.shape):
        chosen = known[window]
        if chosen.mean() < 0.95:
            continue
        position = np.stack([np.ones(int(chosen.sum())), x[window][chosen], y[window][chosen]], axis=1)
        left_z, left_length = (_left_by_plane(one[window][chosen], position) for one in (by_z, by_length))
        votes["z"] += left_z < _FLAT and left_length > _CLEARLY * left_z
        votes["length"] += left_length < _FLAT and left_z > _CLEARLY * left_length
    return votes["length"] >= max(_ENOUGH_WINDOWS, 4 * votes["z"])


def _averaged(values: Map, size: int) -> Map:
    """(H, W) -> (H // size, W // size), means of square cells."""
    rows, columns = values.shape[0] // size, values.shape[1] // size
    averaged: Map = values[: rows * size, : columns * size].reshape(rows, size, columns, size).mean(axis=(1, 3))
    return averaged


def _windows(rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """Square windows of each size, overlapping by half."""
    for parts in _WINDOWS_ACROSS:
        side = columns // parts
        if side < _FEWEST_CELLS:
            continue
        for top in range(0, rows - side + 1, side // 2):
            for left in range(0, columns - side + 1, side // 2):
                yield slice(top, top + side), slice(left, left + side)


def _left_by_plane(inverse: Map, position: Map) -> float:
    """Rms of what the best affine function of ``position`` (N, 3) leaves of (N,) values, as a share of their mean."""
    share = inverse / inverse.mean()
    fitted, *_ = np.linalg.lstsq(position, share, rcond=None)
    return float(np.sqrt(np.square(share - position @ fitted).mean()))
