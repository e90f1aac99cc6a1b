# SPDX-License-Identifier: Apache-2.0
"""A depth map becomes a file of points."""

from __future__ import annotations

import json
import logging
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.inference.outputs.files import save_prediction
from leadline.inference.outputs.points import assumed_camera, write_glb_points
from leadline.inference.outputs.prediction import Prediction

HEIGHT, WIDTH = 6, 8
CAMERA = Camera(matrix=torch.tensor([[50.0, 0.0, 3.0], [0.0, 60.0, 2.0], [0.0, 0.0, 1.0]]))


def prediction(kind: DepthKind = DepthKind.METRIC) -> Prediction:
    values = np.linspace(0.5, 8.0, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    valid = np.ones((HEIGHT, WIDTH), bool)
    valid[0], values[0] = False, np.nan
    rgb = np.full((HEIGHT, WIDTH, 3), (255, 0, 128), np.uint8)
    return Prediction(depth=DepthMap(values=values, valid=valid, kind=kind), rgb=rgb, description={}, camera=CAMERA)


def read_glb(path: Path) -> tuple[dict[str, Any], NDArray[np.float32]]:
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    document: dict[str, Any] = json.loads(data[20 : 20 + length])
    count = document["accessors"][0]["count"]
    return document, np.frombuffer(data, "<f4", 3 * count, 28 + length).reshape(-1, 3)


def test_assumed_camera__has_square_pixels_and_looks_through_the_middle() -> None:
    matrix = assumed_camera(480, 640).matrix
    assert float(matrix[0, 0]) == float(matrix[1, 1])
    assert matrix[:2, 2].tolist() == [320.0, 240.0]


def test_glb__has_valid_pixels_where_the_camera_puts_them_turned_to_y_up(tmp_path: Path) -> None:
    given = prediction()
    facts = write_glb_points(tmp_path / "a.glb", given)
    document, points = read_glb(tmp_path / "a.glb")
    assert len(points) == (HEIGHT - 1) * WIDTH
    row, column = 4, 5
    z = float(given.depth.values[row, column])
    expected = [(column + 0.5 - 3) / 50 * z, -(row + 0.5 - 2) / 60 * z, -z]
    np.testing.assert_allclose(points[(row - 1) * WIDTH + column], expected, rtol=1e-5)
    extras = document["nodes"][0]["extras"]
    assert extras == facts
    assert (extras["unit"], extras["kind"]) == ("m", "metric")
    assert extras["camera"]["source"] == "given"
    assert extras["camera"]["matrix_px"] == CAMERA.matrix.tolist()
    assert extras["frame"] == "x right, y up, -z forward"


def test_glb__without_metres_says_so(tmp_path: Path) -> None:
    write_glb_points(tmp_path / "a.glb", prediction(DepthKind.SCALE_INVARIANT))
    extras = read_glb(tmp_path / "a.glb")[0]["nodes"][0]["extras"]
    assert extras["unit"] == "none: up to one factor"
    assert extras["kind"] == "scale_invariant"


def test_glb__takes_the_maps_own_camera_and_says_when_it_assumed_one(tmp_path: Path) -> None:
    given = replace(prediction(), camera=None)
    facts = write_glb_points(tmp_path / "a.glb", given)
    assert facts["camera"]["source"].startswith("assumed: 55 degrees")
    own = replace(given, depth=replace(given.depth, camera=CAMERA))
    assert write_glb_points(tmp_path / "a.glb", own)["camera"]["source"] == "given"


def test_glb__leaves_out_what_is_not_finite_and_says_how_much(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    given = prediction()
    values = given.depth.values.copy()
    values[2, 2] = np.inf
    with caplog.at_level(logging.WARNING):
        write_glb_points(tmp_path / "a.glb", replace(given, depth=replace(given.depth, values=values)))
    assert "1 pixels that are valid but not finite" in caplog.text
    assert len(read_glb(tmp_path / "a.glb")[1]) == (HEIGHT - 1) * WIDTH - 1


def test_glb__stands_in_the_json_beside_it(tmp_path: Path) -> None:
    save_prediction(tmp_path, "a", prediction(), ("glb", "ply"))
    record = json.loads((tmp_path / "a.json").read_text())["files"]
    assert record["glb"]["file"] == "a.glb"
    assert record["glb"]["frame"] == "x right, y up, -z forward"
    assert record["ply"]["frame"] == "x right, y down, z forward"
