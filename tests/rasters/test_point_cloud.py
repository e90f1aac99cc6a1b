# SPDX-License-Identifier: Apache-2.0
"""Coloured points enter, a binary PLY file leaves."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadline.contracts.errors import DataError
from leadline.rasters.point_cloud import write_glb, write_ply

POINTS = np.array([[0.0, 1.0, 2.0], [-1.5, 0.25, 1e-3]], np.float32)
COLOURS = np.array([[1, 2, 3], [253, 254, 255]], np.uint8)


def test_write_ply__header_announces_what_the_bytes_hold(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", POINTS, COLOURS)
    header, body = (tmp_path / "a.ply").read_bytes().split(b"end_header\n", 1)
    lines = header.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    assert "element vertex 2" in lines
    kinds = {"float": "<f4", "uchar": "u1"}
    announced = np.dtype([(line.split()[2], kinds[line.split()[1]]) for line in lines if line.startswith("property")])
    assert announced.names == ("x", "y", "z", "red", "green", "blue")
    vertices = np.frombuffer(body, announced)
    assert len(vertices) == 2
    assert (np.stack([vertices[n] for n in "xyz"], -1) == POINTS).all()
    assert (np.stack([vertices[n] for n in ("red", "green", "blue")], -1) == COLOURS).all()


def test_write_ply__says_its_frame(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", POINTS, COLOURS)
    assert b"comment camera frame: x right, y down, z forward\n" in (tmp_path / "a.ply").read_bytes()


def test_write_ply__of_no_points_is_a_whole_file(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", POINTS[:0], COLOURS[:0])
    assert (tmp_path / "a.ply").read_bytes().endswith(b"end_header\n")


def test_write_ply__refuses_points_and_colours_that_do_not_belong_together(tmp_path: Path) -> None:
    for points, colours in ((POINTS, COLOURS[:1]), (POINTS[:, :2], COLOURS[:, :2]), (POINTS[0], COLOURS[0])):
        with pytest.raises(DataError, match=r"shape \(N, 3\)"):
            write_ply(tmp_path / "a.ply", points, colours)


def test_write_ply__refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 points with NaN"):
        write_ply(tmp_path / "a.ply", np.array([[np.nan, 0, 0], [1, 1, 1]]), COLOURS)
    assert not list(tmp_path.iterdir())


def chunks(path: Path) -> tuple[dict[str, Any], bytes]:
    """The JSON and the binary part of a GLB file, after checking the container byte by byte (glTF 2.0, section 4)."""
    data = path.read_bytes()
    magic, version, total = struct.unpack_from("<4sII", data)
    assert (magic, version, total) == (b"glTF", 2, len(data))
    found, place = [], 12
    while place < len(data):
        length, name = struct.unpack_from("<I4s", data, place)
        assert length % 4 == 0
        assert place % 4 == 0
        found.append((name, data[place + 8 : place + 8 + length]))
        assert len(found[-1][1]) == length
        place += 8 + length
    assert place == len(data)
    assert [name for name, _ in found] in ([b"JSON", b"BIN\0"], [b"JSON"])
    return json.loads(found[0][1]), found[1][1] if len(found) > 1 else b""


def test_write_glb__accessors_describe_the_bytes(tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", POINTS, COLOURS, extras={"unit": "m"})
    document, binary = chunks(tmp_path / "a.glb")
    assert document["asset"]["version"] == "2.0"
    assert document["scenes"][document["scene"]]["nodes"] == [0]
    assert document["nodes"][0]["extras"] == {"unit": "m"}
    (primitive,) = document["meshes"][document["nodes"][0]["mesh"]]["primitives"]
    assert primitive["mode"] == 0  # POINTS
    assert document["buffers"] == [{"byteLength": len(binary)}]
    position, colour = (document["accessors"][primitive["attributes"][name]] for name in ("POSITION", "COLOR_0"))
    assert (position["componentType"], position["type"], position["count"]) == (5126, "VEC3", 2)
    assert (colour["componentType"], colour["type"], colour["count"], colour["normalized"]) == (5123, "VEC4", 2, True)
    ends = 0
    for accessor in (position, colour):
        view = document["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] == ends
        assert view["byteOffset"] % 4 == 0
        ends += view["byteLength"]
    assert ends == len(binary)
    points = np.frombuffer(binary, "<f4", 6).reshape(2, 3)
    assert (points == POINTS * [1, -1, -1]).all()
    assert position["min"] == points.min(axis=0).tolist()
    assert position["max"] == points.max(axis=0).tolist()


def test_write_glb__colours_are_linear_and_opaque(tmp_path: Path) -> None:
    colours = np.array([[0, 255, 128], [10, 64, 200]], np.uint8)
    write_glb(tmp_path / "a.glb", POINTS, colours, extras={})
    _, binary = chunks(tmp_path / "a.glb")
    stored = np.frombuffer(binary[24:], "<u2").reshape(2, 4) / 65535
    np.testing.assert_allclose(stored[0], [0, 1, 0.215861, 1], atol=1e-5)  # sRGB 128 is 21.6 % of white's light
    np.testing.assert_allclose(stored[1], [0.003035, 0.051269, 0.577580, 1], atol=1e-5)


def test_write_glb__of_no_points_is_a_whole_file(tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", POINTS[:0], COLOURS[:0], extras={"unit": "m"})
    document, binary = chunks(tmp_path / "a.glb")
    assert binary == b""
    assert "meshes" not in document
    assert "mesh" not in document["nodes"][0]


def test_write_glb__refuses_what_write_ply_refuses(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"shape \(N, 3\)"):
        write_glb(tmp_path / "a.glb", POINTS, COLOURS[:1], extras={})
    with pytest.raises(DataError, match=r"1 points with NaN"):
        write_glb(tmp_path / "a.glb", np.array([[np.nan, 0, 0], [1, 1, 1]]), COLOURS, extras={})
    assert not list(tmp_path.iterdir())
