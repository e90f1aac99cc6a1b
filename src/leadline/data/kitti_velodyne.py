# SPDX-License-Identifier: Apache-2.0
"""A LiDAR sweep and its projection go in, the sparse depth of the left picture comes out, as for the Eigen protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from leadline.contracts.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DistanceOf: TypeAlias = Literal["camera", "lidar"]
"""``camera``: z-depth, what a camera measures; ``lidar``: forward distance from the LiDAR, about 0.27 m more, which the
published raw-Eigen numbers are scored with (nianticlabs/monodepth2 issue 274)."""


def read_sweep(path: Path) -> NDArray[np.float32]:
    """Read a sweep: (N, 4) float32, x forward, y left, z up in metres, reflectance.

    Raises:
        DataError: missing, unreadable, empty, or not four little-endian floats for each point.
    """
    try:
        stored = path.read_bytes()
    except OSError as error:
        raise DataError(expected="a LiDAR sweep", got=f"{path} ({error.strerror})", remedy="check the path") from error
    if not stored or len(stored) % 16:
        got = f"{path} of {len(stored)} bytes"
        raise DataError(expected="sixteen bytes for each LiDAR point", got=got, remedy="fetch the sweep again")
    return np.frombuffer(stored, "<f4").reshape(-1, 4)


def project_sweep(
    points_N4: NDArray[np.float32], pixels_from_lidar: NDArray[np.float64], size: tuple[int, int], *, distance_of: DistanceOf
) -> NDArray[np.float32]:
    """The depth that a sweep gives a picture.

    Points behind the LiDAR are dropped, pixels are rounded and moved by -1 (the reference's convention), and of points that
    fall into one pixel the nearest counts.  The reference finds those by the number ``row * (width - 1) + column - 1``, so
    the last pixel of a row and the first of the next are held for one: kept, for published numbers contain it.

    Args:
        points_N4: (N, 4) as ``read_sweep`` gives them, metres.
        pixels_from_lidar: (3, 4), see ``leadline.data.kitti_calibration``.
        size: (height, width) of the picture in pixels.
        distance_of: which distance is stored.

    Returns:
        (height, width) float32 metres, 0 where there is none.
    """
    height, width = size
    ahead = points_N4[points_N4[:, 0] >= 0].astype(np.float64)
    flat = np.column_stack([ahead[:, :3], np.ones(len(ahead))]) @ pixels_from_lidar.T
    with np.errstate(divide="ignore", invalid="ignore"):
        column, row = np.round(flat[:, :2] / flat[:, 2:]).T - 1
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    column, row = column[inside].astype(np.int64), row[inside].astype(np.int64)
    distance = (ahead[:, 0] if distance_of == "lidar" else flat[:, 2])[inside]
    depth_m = np.zeros(size)
    depth_m[row, column] = distance
    _, first, group, count = np.unique(
        row * (width - 1) + column - 1, return_index=True, return_inverse=True, return_counts=True
    )
    nearest = np.full(len(first), np.inf)
    np.minimum.at(nearest, group, distance)
    shared = count > 1
    depth_m[row[first[shared]], column[first[shared]]] = nearest[shared]
    return np.maximum(depth_m, 0).astype(np.float32)
