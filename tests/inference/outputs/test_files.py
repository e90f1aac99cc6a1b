# SPDX-License-Identifier: Apache-2.0
"""A depth map becomes files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError, StorageError, UsageError
from leadline.inference.outputs.files import (
    ENDINGS,
    OutputFormat,
    check_formats,
    output_path,
    save_prediction,
)
from leadline.inference.outputs.prediction import Prediction
from leadline.rasters.depth_files import read_raster

ALL: tuple[OutputFormat, ...] = ("npy", "png16", "exr", "pfm", "ply", "glb", "color")
HEIGHT, WIDTH = 30, 40


def prediction(kind: DepthKind = DepthKind.METRIC) -> Prediction:
    values = np.linspace(0.5, 8.0, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    valid = np.ones((HEIGHT, WIDTH), bool)
    valid[:3] = False
    values[:3] = np.nan
    rgb = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    depth = DepthMap(values=values, valid=valid, kind=kind)
    return Prediction(depth=depth, rgb=rgb, description={"model": "m", "preprocessing": {"input_size": 518}})


def saved(folder: Path, given: Prediction, *formats: OutputFormat) -> dict[str, Any]:
    save_prediction(folder, "a", given, formats)
    record: dict[str, Any] = json.loads((folder / "a.json").read_text())
    return record


def test_save__writes_one_file_per_format_and_the_json_last(tmp_path: Path) -> None:
    pytest.importorskip("OpenEXR")
    paths = save_prediction(tmp_path, PurePath("sub/a.b"), prediction(), ALL)
    assert [path.name for path in paths] == [*("a.b" + ENDINGS[name] for name in ALL), "a.b.json"]
    assert sorted((tmp_path / "sub").iterdir()) == sorted(paths)


@pytest.mark.parametrize("name", ["npy", "pfm", "exr"])
def test_save__float_formats_hold_the_values_and_nan_where_invalid(tmp_path: Path, name: OutputFormat) -> None:
    if name == "exr":
        pytest.importorskip("OpenEXR")
    given = prediction()
    saved(tmp_path, given, name)
    stored = read_raster(tmp_path / f"a.{name}")
    assert stored.dtype == np.float32
    assert stored.shape == (HEIGHT, WIDTH)
    assert np.array_equal(stored, given.depth.values, equal_nan=True)


def test_save__json_says_what_the_numbers_are(tmp_path: Path) -> None:
    record = saved(tmp_path, prediction(), "npy")
    assert record["kind"] == "metric"
    assert record["unit"] == "m"
    assert record["valid_fraction"] == pytest.approx(27 / 30)
    assert (record["height"], record["width"]) == (HEIGHT, WIDTH)
    assert record["model"] == "m"
    assert record["preprocessing"] == {"input_size": 518}
    assert record["files"] == {"npy": {"file": "a.npy"}}
    assert record["values"]["max"] == 8.0
    assert record["values"]["min"] > 0.5
    assert record["values"]["median"] == pytest.approx(float(np.nanmedian(prediction().depth.values)))


def test_save__a_map_without_one_valid_pixel_is_told_truthfully(tmp_path: Path) -> None:
    given = prediction()
    given = replace(given, depth=replace(given.depth, valid=np.zeros((HEIGHT, WIDTH), bool)))
    record = saved(tmp_path, given, "npy", "png16", "color", "ply")
    assert record["valid_fraction"] == 0.0
    assert record["values"] is None
    assert np.isnan(np.load(tmp_path / "a.npy")).all()


def endless(kind: DepthKind, *values: float) -> Prediction:
    """The usual map with some of its valid pixels replaced by what is not finite."""
    given = prediction(kind)
    given.depth.values[10, : len(values)] = values
    return given


@pytest.mark.parametrize("kind", [DepthKind.METRIC, DepthKind.AFFINE_DISPARITY])
def test_save__a_valid_infinity_is_kept_in_the_numbers_and_counted_in_the_json(tmp_path: Path, kind: DepthKind) -> None:
    given = endless(kind, np.inf, -np.inf, np.nan)
    formats: tuple[OutputFormat, ...] = ("npy", "pfm", "png16", "color")
    record = saved(tmp_path, given, *formats, *(("ply",) if kind is DepthKind.METRIC else ()))
    finite = given.depth.values[np.isfinite(given.depth.values)]
    assert record["values"] == {
        "min": float(finite.min()),
        "median": float(np.median(finite)),
        "max": float(finite.max()),
        "not_finite": 3,
    }
    assert record["valid_fraction"] == pytest.approx(27 / 30)
    for name in ("npy", "pfm"):
        assert np.array_equal(read_raster(tmp_path / f"a.{name}"), given.depth.values, equal_nan=True)


def test_save__a_map_of_nothing_but_infinity_has_no_smallest_number(tmp_path: Path) -> None:
    given = prediction(DepthKind.AFFINE_DISPARITY)
    given.depth.values[3:] = np.inf
    record = saved(tmp_path, given, "npy", "png16", "color")
    assert record["values"] == {"min": None, "median": None, "max": None, "not_finite": 27 * WIDTH}
    assert (np.asarray(Image.open(tmp_path / "a_depth.png")) == 0).all()


def test_save__png16_marks_infinities_invalid_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    given = endless(DepthKind.AFFINE_DISPARITY, np.inf, -np.inf, np.nan)
    facts = saved(tmp_path, given, "png16")["files"]["png16"]
    stored = np.asarray(Image.open(tmp_path / "a_depth.png")).astype(np.float64)
    assert (stored[10, :3] == 0).all()
    assert "3 pixels" in caplog.text
    decoded = stored[4:10] * facts["scale"] + facts["offset"]
    assert np.abs(decoded - given.depth.values[4:10]).max() <= 0.51 * facts["scale"] + 1e-6


def test_save__ply_leaves_out_points_at_infinity_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    saved(tmp_path, endless(DepthKind.METRIC, np.inf, np.nan, 3e38), "ply")
    points, colours = points_of(tmp_path / "a.ply")
    assert len(points) == len(colours) == 27 * WIDTH - 2
    assert "2 pixels" in caplog.text


def test_save__png16_of_metres_is_millimetres(tmp_path: Path) -> None:
    given = prediction()
    record = saved(tmp_path, given, "png16")
    stored = np.asarray(Image.open(tmp_path / "a_depth.png"))
    assert stored.dtype == np.uint16
    assert (stored[:3] == 0).all()
    assert np.abs(stored[3:] / 1000 - given.depth.values[3:]).max() <= 0.0005001
    assert record["files"]["png16"] == {"file": "a_depth.png", "scale": 0.001, "offset": 0.0, "invalid": 0}


@pytest.mark.parametrize("shift", [0.0, -3.0])
def test_save__png16_of_other_kinds_is_decoded_by_scale_and_offset(tmp_path: Path, shift: float) -> None:
    given = prediction(DepthKind.AFFINE_DISPARITY)
    given = replace(given, depth=replace(given.depth, values=given.depth.values + np.float32(shift)))
    facts = saved(tmp_path, given, "png16")["files"]["png16"]
    stored = np.asarray(Image.open(tmp_path / "a_depth.png")).astype(np.float64)
    assert (stored[:3] == facts["invalid"]).all()
    assert stored[3:].min() == 1
    assert stored[3:].max() == 65535
    decoded = stored[3:] * facts["scale"] + facts["offset"]
    assert np.abs(decoded - given.depth.values[3:]).max() <= 0.51 * facts["scale"] + 1e-6


def test_save__png16_of_a_constant_disparity_is_finite(tmp_path: Path) -> None:
    given = prediction(DepthKind.AFFINE_DISPARITY)
    given = replace(given, depth=replace(given.depth, values=np.full((HEIGHT, WIDTH), 2.5, np.float32)))
    facts = saved(tmp_path, given, "png16", "color")["files"]["png16"]
    stored = np.asarray(Image.open(tmp_path / "a_depth.png")).astype(np.float64)
    assert np.allclose(stored[3:] * facts["scale"] + facts["offset"], 2.5)
    assert (stored[:3] == 0).all()


def points_of(path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    body = path.read_bytes().split(b"end_header\n", 1)[1]
    vertices = np.frombuffer(body, np.dtype([("p", "<f4", 3), ("c", "u1", 3)]))
    return vertices["p"], vertices["c"]


def test_save__ply_holds_valid_pixels_through_the_given_camera(tmp_path: Path) -> None:
    camera = Camera(matrix=torch.tensor([[50.0, 0, 19.0], [0, 60, 16.0], [0, 0, 1]]))
    given = replace(prediction(), camera=camera)
    record = saved(tmp_path, given, "ply")
    points, colours = points_of(tmp_path / "a.ply")
    assert len(points) == 27 * WIDTH
    assert (colours == given.rgb[3:].reshape(-1, 3)).all()
    row, column = 10, 25
    z = given.depth.values[row, column]
    expected = [(column + 0.5 - 19) / 50 * z, (row + 0.5 - 16) / 60 * z, z]
    np.testing.assert_allclose(points[(row - 3) * WIDTH + column], expected, rtol=1e-5)
    assert record["files"]["ply"]["camera"]["source"] == "given"
    assert record["files"]["ply"]["camera"]["matrix_px"][0] == [50.0, 0.0, 19.0]


def test_save__ply_without_a_camera_says_what_it_assumed(tmp_path: Path) -> None:
    record = saved(tmp_path, prediction(), "ply")
    assert record["files"]["ply"]["camera"]["source"].startswith("assumed: 55 degrees")
    points, _ = points_of(tmp_path / "a.ply")
    spread = points[:, 0] / points[:, 2]
    half_a_pixel = np.tan(np.radians(27.5)) * (1 - 1 / WIDTH)
    assert spread.max() == pytest.approx(half_a_pixel, rel=1e-4)
    assert spread.min() == pytest.approx(-half_a_pixel, rel=1e-4)


def test_save__colour_picture_shows_near_as_bright_for_depth_and_disparity(tmp_path: Path) -> None:
    for kind, bright_rows in ((DepthKind.METRIC, slice(4, 8)), (DepthKind.AFFINE_DISPARITY, slice(-4, None))):
        record = saved(tmp_path, prediction(kind), "color")
        picture = np.asarray(Image.open(tmp_path / "a_color.png")).astype(int)
        times = picture.shape[1] // WIDTH
        top = round(1.6 * 12)  # the title strip of a picture 320 wide
        scene = picture[top : top + HEIGHT * times : times, ::times]
        assert scene[bright_rows].mean() > scene[3:].mean() + 30
        assert record["files"]["color"]["low"] < record["files"]["color"]["high"]


def test_save__replaces_files_of_an_earlier_run(tmp_path: Path) -> None:
    saved(tmp_path, prediction(), "npy")
    given = prediction()
    given = replace(given, depth=replace(given.depth, values=given.depth.values + 1))
    saved(tmp_path, given, "npy")
    assert float(np.nanmax(np.load(tmp_path / "a.npy"))) == 9.0


def test_save__names_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"):
        save_prediction(tmp_path / "file", "a", prediction(), ("npy",))


def test_check_formats__refuses_points_without_metres_and_unknown_names() -> None:
    for name, kind in (
        ("ply", DepthKind.AFFINE_DISPARITY),
        ("glb", DepthKind.AFFINE_DISPARITY),
        ("ply", DepthKind.SCALE_INVARIANT),
    ):
        with pytest.raises(UsageError, match=f"leave out {name}.*calibrate") as refused:
            check_formats(("npy", name), kind)
        assert kind.value in str(refused.value)
    check_formats(("glb",), DepthKind.SCALE_INVARIANT)
    with pytest.raises(UsageError, match="jpeg"):
        check_formats(("jpeg",), DepthKind.METRIC)
    check_formats(ALL, DepthKind.METRIC)


def test_output_path__keeps_dots_in_names() -> None:
    assert output_path(Path("out"), PurePath("s/frame.01"), ".npy") == Path("out/s/frame.01.npy")


@pytest.mark.parametrize(("size", "picture"), [((0, 4), (0, 4, 3)), ((3, 4), (2, 4, 3)), ((3, 4), (3, 4))])
def test_prediction__needs_a_map_with_pixels_and_a_picture_of_its_size(
    size: tuple[int, int], picture: tuple[int, ...]
) -> None:
    depth = DepthMap(values=np.ones(size, np.float32), valid=np.ones(size, bool), kind=DepthKind.METRIC)
    with pytest.raises(DataError, match="an RGB picture of its size"):
        Prediction(depth=depth, rgb=np.zeros(picture, np.uint8), description={})


def test_save__numbers_near_the_largest_float_have_a_median(tmp_path: Path) -> None:
    depth = DepthMap(values=np.full((2, 2), 3e38, np.float32), valid=np.ones((2, 2), bool), kind=DepthKind.METRIC)
    record = saved(tmp_path, Prediction(depth=depth, rgb=np.zeros((2, 2, 3), np.uint8), description={}), "npy")
    assert record["values"]["median"] == pytest.approx(3e38)
