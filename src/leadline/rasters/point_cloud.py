# SPDX-License-Identifier: Apache-2.0
"""Coloured points enter, a binary PLY file leaves.

Frame: that of the camera, x to the right, y down, z forward along the optical axis; the unit is that of the points (metres
for metric depth).  Viewers that think y is up show the scene upside down until it is turned by 180 degrees about x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.errors import DataError
from leadline.rasters.atomic import atomically

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_VERTEX = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]
)  # packed, 15 bytes: the order the header announces


def write_ply(path: Path, points_N3: NDArray[np.floating], colours_N3: NDArray[np.uint8]) -> None:
    """Write a binary little-endian PLY with float32 x, y, z and uint8 red, green, blue per vertex.

    Args:
        path: where to; written atomically.
        points_N3: (N, 3) finite coordinates, metres for metric depth; the caller leaves out invalid pixels.
        colours_N3: (N, 3) uint8 RGB of the same points.

    Raises:
        DataError: shapes differ or a coordinate is not finite.
        StorageError: the folder cannot be written.
    """
    if points_N3.ndim != 2 or points_N3.shape[1:] != (3,) or points_N3.shape != colours_N3.shape:
        raise DataError(
            expected="points and colours of one shape (N, 3)",
            got=f"{points_N3.shape} and {colours_N3.shape}",
            remedy="select the valid pixels of both with one mask",
        )
    if not np.isfinite(points_N3).all():
        raise DataError(
            expected="finite coordinates",
            got=f"{int((~np.isfinite(points_N3)).any(axis=1).sum())} points with NaN or infinity for {path.name}",
            remedy="leave out the pixels that are not valid",
        )
    vertices = np.empty(len(points_N3), _VERTEX)
    for column, name in enumerate(("x", "y", "z")):
        vertices[name] = points_N3[:, column]
    for column, name in enumerate(("red", "green", "blue")):
        vertices[name] = colours_N3[:, column]
    with atomically(path) as temporary, temporary.open("wb") as file:
        file.write(_header(len(vertices)))
        file.write(vertices.tobytes())


def _header(count: int) -> bytes:
    coordinates = "".join(f"property float {name}\n" for name in ("x", "y", "z"))
    colours = "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    frame = "comment camera frame: x right, y down, z forward\n"
    text = f"ply\nformat binary_little_endian 1.0\n{frame}element vertex {count}\n{coordinates}{colours}end_header\n"
    return text.encode("ascii")
