# SPDX-License-Identifier: Apache-2.0
"""Coloured points enter, a binary PLY or glTF file leaves.

Points come in the frame of the camera: x to the right, y down, z forward along the optical axis; their unit is that of the
depth they were made from, metres for metric depth.  PLY keeps that frame, so that viewers who think y is up show the scene
upside down until it is turned by 180 degrees about x.  glTF prescribes y up and -z forward (glTF 2.0, section 3.4), so there
the points are turned.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.errors import DataError
from leadline.rasters.atomic import atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_VERTEX = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]
)  # packed, 15 bytes: the order the header announces

_GLB_POINT_BYTES, _GLB_MOST_BYTES = 20, 2**32 - 2**20  # all lengths are 32 bits; a MiB is left for the JSON
_POINTS, _FLOAT32, _UINT16, _VERTICES = 0, 5126, 5123, 34962  # glTF 2.0, sections 5.24, 5.1 and 5.11
_ENCODED = np.arange(256) / 255
_LINEAR_16 = np.rint(65535 * np.where(_ENCODED <= 0.04045, _ENCODED / 12.92, ((_ENCODED + 0.055) / 1.055) ** 2.4)).astype(
    np.uint16
)  # sRGB's transfer function, IEC 61966-2-1


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
    _refuse_unusable(path, points_N3, colours_N3)
    vertices = np.empty(len(points_N3), _VERTEX)
    for column, name in enumerate(("x", "y", "z")):
        vertices[name] = points_N3[:, column]
    for column, name in enumerate(("red", "green", "blue")):
        vertices[name] = colours_N3[:, column]
    with atomically(path) as temporary, temporary.open("wb") as file:
        file.write(_header(len(vertices)))
        file.write(vertices.tobytes())


def write_glb(
    path: Path, points_N3: NDArray[np.floating], colours_N3: NDArray[np.uint8], *, extras: Mapping[str, object]
) -> None:
    """Write binary glTF 2.0: one mesh of one POINTS primitive, float32 positions and 16-bit linear colours.

    Positions are turned to glTF's frame, (x, -y, -z): right, up, backwards; a camera at the origin looks at them as the
    picture was taken.  glTF counts in metres; ``extras`` of the node is the place to say where the numbers are none.
    Colours are linear as glTF wants them, hence 16 bits: sRGB's dark levels would fall together in 8.

    Args:
        path: where to; written atomically.
        points_N3: (N, 3) finite coordinates in the camera frame; the caller leaves out invalid pixels.
        colours_N3: (N, 3) uint8 sRGB of the same points.
        extras: plain JSON values for the node.

    Without points the file is a scene with an empty node, for glTF knows no accessor of nothing.

    Raises:
        DataError: shapes differ, a coordinate is not finite, or more points than the format's 4 GiB hold.
        StorageError: the folder cannot be written.
    """
    _refuse_unusable(path, points_N3, colours_N3)
    if len(points_N3) * _GLB_POINT_BYTES > _GLB_MOST_BYTES:
        raise DataError(
            expected=f"at most {_GLB_MOST_BYTES // _GLB_POINT_BYTES} points in a GLB file",
            got=f"{len(points_N3)} for {path.name}",
            remedy="write a PLY file, or a smaller map",
        )
    positions = points_N3.astype("<f4") * np.array([1, -1, -1], "<f4") + np.float32(0)  # + 0 makes -0 plain 0
    colours = np.full((len(points_N3), 4), 65535, "<u2")  # RGBA: three shorts would leave rows off the 4-byte grid
    colours[:, :3] = _LINEAR_16[colours_N3]
    document = json.dumps(_gltf(positions, extras), separators=(",", ":"), allow_nan=False).encode("utf-8")
    document += b" " * (-len(document) % 4)
    chunks = [(b"JSON", document)] + ([(b"BIN\0", positions.tobytes() + colours.tobytes())] if len(positions) else [])
    total = 12 + sum(8 + len(content) for _, content in chunks)
    with atomically(path) as temporary, temporary.open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, total))
        for name, content in chunks:
            file.write(struct.pack("<I4s", len(content), name))
            file.write(content)


def _gltf(positions: NDArray[np.float32], extras: Mapping[str, object]) -> dict[str, object]:
    """The JSON part: positions first in the buffer, colours behind them."""
    count = len(positions)
    node: dict[str, object] = {"name": "depth", "extras": dict(extras)}
    start: dict[str, object] = {
        "asset": {"version": "2.0", "generator": "leadline"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [node],
    }
    if count == 0:
        return start
    node["mesh"] = 0
    primitive = {"attributes": {"POSITION": 0, "COLOR_0": 1}, "mode": _POINTS}
    ends = {"min": positions.min(axis=0).tolist(), "max": positions.max(axis=0).tolist()}
    return start | {
        "meshes": [{"primitives": [primitive]}],
        "accessors": [
            {"bufferView": 0, "componentType": _FLOAT32, "count": count, "type": "VEC3", **ends},
            {"bufferView": 1, "componentType": _UINT16, "normalized": True, "count": count, "type": "VEC4"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 12 * count, "target": _VERTICES},
            {"buffer": 0, "byteOffset": 12 * count, "byteLength": 8 * count, "target": _VERTICES},
        ],
        "buffers": [{"byteLength": _GLB_POINT_BYTES * count}],
    }


def _refuse_unusable(path: Path, points_N3: NDArray[np.floating], colours_N3: NDArray[np.uint8]) -> None:
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


def _header(count: int) -> bytes:
    coordinates = "".join(f"property float {name}\n" for name in ("x", "y", "z"))
    colours = "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    frame = "comment camera frame: x right, y down, z forward\n"
    text = f"ply\nformat binary_little_endian 1.0\n{frame}element vertex {count}\n{coordinates}{colours}end_header\n"
    return text.encode("ascii")
