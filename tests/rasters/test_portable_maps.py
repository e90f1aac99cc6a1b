# SPDX-License-Identifier: Apache-2.0
"""PGM and PFM come out with the numbers that are stored, whatever their byte order and largest value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leadline.contracts.errors import DataError
from leadline.rasters.portable_maps import read_pfm, read_pgm
from tests.shared_paths import shared

VALUES = np.array([[0, 1, 256], [2915, 9823, 65535]], np.uint16)


def pgm(path: Path, header: bytes, values: np.ndarray) -> Path:
    path.write_bytes(header + values.tobytes())
    return path


def test_read_pgm__reads_sixteen_bits_big_endian(tmp_path: Path) -> None:
    read = read_pgm(pgm(tmp_path / "a.pgm", b"P5\n3 2\n65535\n", VALUES.astype(">u2")), max_pixels=6)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, VALUES)


def test_read_pgm__does_not_stretch_other_largest_values(tmp_path: Path) -> None:
    values = np.array([[0, 1, 5000], [1000, 2000, 10000]], ">u2")
    read = read_pgm(pgm(tmp_path / "a.pgm", b"P5 # made by hand\n3 2 10000\n", values), max_pixels=6)
    np.testing.assert_array_equal(read, values)


def test_read_pgm__reads_eight_bits(tmp_path: Path) -> None:
    read = read_pgm(pgm(tmp_path / "a.pgm", b"P5\n3 1\n255\n", np.array([0, 7, 255], np.uint8)), max_pixels=6)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, [[0, 7, 255]])


def test_read_pgm__keeps_pixels_that_look_like_white_space(tmp_path: Path) -> None:
    read = read_pgm(pgm(tmp_path / "a.pgm", b"P5\n3 1\n255\n", np.array([10, 32, 35], np.uint8)), max_pixels=6)
    np.testing.assert_array_equal(read, [[10, 32, 35]])


def test_read_pgm__refuses_other_files(tmp_path: Path) -> None:
    for content, match in (
        (b"", "empty"),
        (b"P2\n1 1\n255\n7", "P5"),
        (b"P5\n3 2\n65535\n\0\0", "truncated"),
        (b"P5\n3 2\n99999\n" + bytes(12), "99999"),
        (b"P5\n9999 9999\n255\n", "at most 6 pixels"),
    ):
        (tmp_path / "a.pgm").write_bytes(content)
        with pytest.raises(DataError, match=match):
            read_pgm(tmp_path / "a.pgm", max_pixels=6)


def test_read_pgm__reads_a_real_file() -> None:
    raw = read_pgm(shared("data/nyu_like/depth/1.pgm"), max_pixels=480 * 640)
    assert raw.shape == (480, 640)
    found = [float(n) for n in (raw[raw > 0].min(), np.median(raw[raw > 0]), raw.max(), np.count_nonzero(raw))]
    assert found == [946, 2915, 9823, 209236]


@pytest.mark.parametrize(("scale", "order"), [(b"-1.0", "<f4"), (b"1.0", ">f4"), (b"-1", "<f4")])
def test_read_pfm__turns_rows_and_bytes(tmp_path: Path, scale: bytes, order: str) -> None:
    values = np.array([[1.5, 2.5, np.nan], [4, 5, 6]], np.float32)
    (tmp_path / "a.pfm").write_bytes(b"Pf\n3 2\n" + scale + b"\n" + values[::-1].astype(order).tobytes())
    read = read_pfm(tmp_path / "a.pfm", max_pixels=6)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values)


def test_read_pfm__refuses_colour_and_truncation(tmp_path: Path) -> None:
    for content, match in ((b"PF\n1 1\n-1\n" + bytes(12), "single-channel"), (b"Pf\n3 2\n-1\n" + bytes(23), "truncated")):
        (tmp_path / "a.pfm").write_bytes(content)
        with pytest.raises(DataError, match=match):
            read_pfm(tmp_path / "a.pfm", max_pixels=6)
