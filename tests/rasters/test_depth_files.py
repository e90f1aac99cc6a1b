# SPDX-License-Identifier: Apache-2.0
"""Stored numbers come back untouched from every format; what a format cannot hold is masked, never bent."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from leadline.contracts.errors import DataError, MissingExtraError, StorageError
from leadline.rasters.depth_files import (
    RASTER_SUFFIXES,
    read_raster,
    write_exr,
    write_npy,
    write_pfm,
    write_png16_millimetres,
)
from tests.shared_paths import shared

Writer = Callable[[Path, NDArray[np.float32], NDArray[np.bool_]], None]
DEPTH = np.linspace(0.5, 60.0, 12, dtype=np.float32).reshape(3, 4)
VALID = np.ones((3, 4), np.bool_)
VALID[1, 2] = False


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_read_raster__keeps_whole_numbers(tmp_path: Path, dtype: type, suffix: str) -> None:
    values: NDArray[Any] = np.array([[0, 1, 200], [np.iinfo(dtype).max, 7, 3]], dtype)
    Image.fromarray(values).save(tmp_path / f"a{suffix}")
    read = read_raster(tmp_path / f"a{suffix}")
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_read_raster__keeps_32_bit_tif(tmp_path: Path, dtype: type) -> None:
    values: NDArray[Any] = np.array([[0, -1, 70000]], dtype)
    Image.fromarray(values).save(tmp_path / "a.tiff")
    read = read_raster(tmp_path / "a.tiff")
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", "<f8", ">u2", "<i4"])
def test_read_raster__reads_npy_in_native_order(tmp_path: Path, dtype: str) -> None:
    values = np.array([[0, 1, 200], [3, 7, 3]]).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    read = read_raster(tmp_path / "a.npy")
    assert read.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_read_raster__reads_16_bit_tif_in_native_order(tmp_path: Path, byte_order: str) -> None:
    values: NDArray[Any] = np.array([[0, 1, 200], [65535, 7, 0x1234]], np.uint16)
    mode = "I;16B" if byte_order == ">" else "I;16"
    stored = Image.frombytes(mode, (3, 2), values.astype(f"{byte_order}u2").tobytes())
    stored.save(tmp_path / "a.tif")
    assert (tmp_path / "a.tif").read_bytes()[:2] == (b"MM" if byte_order == ">" else b"II")
    read = read_raster(tmp_path / "a.tif")
    assert read.dtype.isnative
    assert torch.from_numpy(read).tolist() == values.tolist()


def test_read_raster__drops_a_single_channel_axis_of_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", DEPTH[..., None])
    np.testing.assert_array_equal(read_raster(tmp_path / "a.npy"), DEPTH)


@pytest.mark.parametrize(
    "values", [np.zeros((2, 3, 3)), np.zeros(4), np.zeros((2, 2), np.complex64), np.zeros((2, 2), np.bool_)]
)
def test_read_raster__refuses_npy_that_is_no_map(tmp_path: Path, values: NDArray[Any]) -> None:
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(DataError, match="one channel"):
        read_raster(tmp_path / "a.npy")


def test_read_raster__never_unpickles(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"a\.npy"):
        read_raster(tmp_path / "a.npy")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "1", "LA"])
def test_read_raster__refuses_pictures_as_depth(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (4, 3)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=f"mode {mode}"):
        read_raster(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", sorted(RASTER_SUFFIXES))
@pytest.mark.parametrize("content", [b"", b"some text that is not a raster of any kind"])
def test_read_raster__refuses_empty_and_foreign_content(tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"bad{suffix}").write_bytes(content)
    with pytest.raises(DataError, match=f"bad{suffix}"):
        read_raster(tmp_path / f"bad{suffix}")


@pytest.mark.parametrize("suffix", sorted(RASTER_SUFFIXES))
def test_read_raster__names_a_missing_file(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_raster(tmp_path / f"gone{suffix}")


@pytest.mark.parametrize(
    ("suffix", "writer"), [(".npy", write_npy), (".pfm", write_pfm), (".png", write_png16_millimetres), (".exr", write_exr)]
)
def test_read_raster__refuses_truncated_files(tmp_path: Path, suffix: str, writer: Writer) -> None:
    noise = np.random.default_rng(0).random((50, 60), dtype=np.float32)
    writer(tmp_path / f"a{suffix}", noise, np.ones((50, 60), np.bool_))
    stored = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(stored[: len(stored) // 2])
    with pytest.raises(DataError, match=f"cut{suffix}"):
        read_raster(tmp_path / f"cut{suffix}")


def test_read_raster__refuses_unknown_suffixes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"depth\.jpg"):
        read_raster(tmp_path / "depth.jpg")


def test_read_raster__refuses_giants_from_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_npy(tmp_path / "a.npy", DEPTH, VALID)
    write_pfm(tmp_path / "a.pfm", DEPTH, VALID)
    write_png16_millimetres(tmp_path / "a.png", DEPTH, VALID)
    monkeypatch.setattr("leadline.rasters.depth_files.MAX_PIXELS", 11)
    for suffix in (".npy", ".pfm", ".png"):
        with pytest.raises(DataError, match="at most 11 pixels"):
            read_raster(tmp_path / f"a{suffix}")


@pytest.mark.parametrize(("suffix", "writer"), [(".npy", write_npy), (".pfm", write_pfm), (".exr", write_exr)])
def test_float_writers__keep_every_bit_and_write_nan_where_invalid(tmp_path: Path, suffix: str, writer: Writer) -> None:
    path = tmp_path / f"a{suffix}"
    writer(path, DEPTH, VALID)
    read = read_raster(path)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read[VALID], DEPTH[VALID])
    assert np.isnan(read[~VALID]).all()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_write_png16__rounds_to_millimetres_and_writes_zero_where_invalid(tmp_path: Path) -> None:
    depth = np.array([[1.2344, 1.2346, 65.535, 0.001]], np.float32)
    write_png16_millimetres(tmp_path / "a.png", depth, np.array([[True, True, True, False]]))
    np.testing.assert_array_equal(read_raster(tmp_path / "a.png"), [[1234, 1235, 65535, 0]])


def test_write_png16__masks_what_does_not_fit_and_counts_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    depth = np.array([[65.536, 1e6, np.nan, np.inf, -1.0, 0.0004, 2.0]], np.float32)
    with caplog.at_level(logging.WARNING):
        write_png16_millimetres(tmp_path / "a.png", depth, np.ones((1, 7), np.bool_))
    np.testing.assert_array_equal(read_raster(tmp_path / "a.png"), [[0, 0, 0, 0, 0, 0, 2000]])
    assert "6 pixels" in caplog.text


@pytest.mark.parametrize("writer", [write_npy, write_pfm, write_exr, write_png16_millimetres])
def test_writers__refuse_maps_of_different_shapes(tmp_path: Path, writer: Writer) -> None:
    with pytest.raises(DataError, match=r"\(3, 4\) and \(4, 3\)"):
        writer(tmp_path / "a.npy", DEPTH, VALID.T)


@pytest.mark.parametrize("writer", [write_npy, write_pfm, write_exr, write_png16_millimetres])
def test_writers__report_folders_that_cannot_be_written(tmp_path: Path, writer: Writer) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        writer(tmp_path / "file" / "a.npy", DEPTH, VALID)


def test_exr__without_the_extra_names_the_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'leadline\[exr\]'"):
        write_exr(tmp_path / "a.exr", DEPTH, VALID)
    (tmp_path / "b.exr").write_bytes(b"x")
    with pytest.raises(MissingExtraError):
        read_raster(tmp_path / "b.exr")


def test_read_raster__picks_the_depth_channel_of_an_exr(tmp_path: Path) -> None:
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    for names, match in ((("Z", "mask"), None), (("left", "right"), "channels left, right")):
        with OpenEXR.File(header, {name: DEPTH + index for index, name in enumerate(names)}) as file:
            file.write(str(tmp_path / "a.exr"))
        if match is None:
            np.testing.assert_array_equal(read_raster(tmp_path / "a.exr"), DEPTH)
        else:
            with pytest.raises(DataError, match=match):
                read_raster(tmp_path / "a.exr")


def test_read_raster__reads_every_listed_png_at_its_size() -> None:
    checks = json.loads(shared("data/checks.json").read_text())
    pngs = [check for check in checks if check["file"].endswith((".png", ".pgm"))]
    assert len(pngs) == 19
    for check in pngs:
        raw = read_raster(shared(f"data/{check['file']}"))
        assert raw.dtype == np.uint16
        assert list(raw.shape) == check["shape"]
