# SPDX-License-Identifier: Apache-2.0
"""Coloured points enter, a binary PLY file leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leadline.contracts.errors import DataError
from leadline.rasters.point_cloud import write_ply

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
