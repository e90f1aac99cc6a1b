# SPDX-License-Identifier: Apache-2.0
"""Measured points, read from a CSV file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.contracts.errors import DataError
from leadline.inference.calibration.known_depths import KnownDepths, pixels, read_points


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_read_points__groups_rows_by_picture_beside_the_file(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6), (9, 8, 7)).save(tmp_path / "a.png")
    path = write(
        tmp_path / "p.csv", "depth_m, x ,image,y,note", "2.5,1,a.png,2,wall", "3,4.5,sub/b.png,1,", "1.5,7,a.png,0,"
    )
    first, second = read_points(path)
    assert (first.key, second.key) == ("a.png", "sub/b.png")
    assert (first.x_px.tolist(), first.y_px.tolist(), first.depth_m.tolist()) == ([1.0, 7.0], [2.0, 0.0], [2.5, 1.5])
    assert first.read().shape == (6, 8, 3)


def test_read_points__a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes("image,x,y,depth_m\na.png,1,2,3\n".encode("utf-8-sig"))
    assert len(read_points(tmp_path / "p.csv")) == 1


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("image,x,y,z", "a,1,2,3"), "no depth_m"),
        (("image,x,y,depth_m",), "got none"),
        (("image,x,y,depth_m", "a,1,2,far"), "'far' in line 2"),
        (("image,x,y,depth_m", "a,1,2,3", "a,1,2,0"), "a,1,2,0 in line 3"),
        (("image,x,y,depth_m", "a,nan,2,3"), "a,nan,2,3 in line 2"),
        (("image,x,y,depth_m", ",1,2,3"), ",1,2,3 in line 2"),
        (("image,x,y,depth_m", "a,1"), "in line 2"),
    ],
)
def test_read_points__refuses_in_one_line(tmp_path: Path, lines: tuple[str, ...], why: str) -> None:
    path = write(tmp_path / "p.csv", *lines)
    with pytest.raises(DataError) as refused:
        read_points(path)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_read_points__refuses_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00image")
    for path in (tmp_path / "p.csv", tmp_path / "none.csv", tmp_path):
        with pytest.raises(DataError, match=str(path)):
            read_points(path)


def known(x: list[float], y: list[float]) -> KnownDepths:
    ones = np.ones(len(x))
    return KnownDepths(key="a", read=lambda: np.zeros((1, 1, 3), np.uint8), x_px=np.array(x), y_px=np.array(y), depth_m=ones)


def test_pixels__whole_numbers_and_centres_name_the_same_pixel() -> None:
    rows, columns = pixels(known([0, 0.5, 7.99], [5, 5.5, 0.2]), 6, 8)
    assert rows.tolist() == [5, 5, 0]
    assert columns.tolist() == [0, 0, 7]


@pytest.mark.parametrize(("x", "y"), [(8.0, 0.0), (0.0, 6.0), (-0.1, 0.0), (0.0, -1.0)])
def test_pixels__refuses_points_outside(x: float, y: float) -> None:
    with pytest.raises(DataError, match=r"1 outside, the first at"):
        pixels(known([0.0, x], [0.0, y]), 6, 8)
