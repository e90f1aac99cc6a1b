# SPDX-License-Identifier: Apache-2.0
"""Camera files in their usual forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.data.frame_calibration import camera_file_above, read_lens
from tests.shared_paths import shared

FORMS = {
    "camera.json": '{"fx": 5, "fy": 6, "cx": 3, "cy": 2}',
    "four.txt": "5 6 3 2",
    "commas.txt": "5, 6,\n3, 2\n",
    "three.txt": "5 0 3\n0 6 2\n0 0 1\n",
    "projection.txt": "5 0 3 0 0 6 2 0 0 0 1 0",
    "with_baseline.txt": "5 0 3 0 6 2 0 0 1\n0.1\n",
}


@pytest.mark.parametrize("name", FORMS)
def test_read_lens__reads_every_form(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FORMS[name])
    lens = read_lens(tmp_path / name)
    assert (lens.focal_px, lens.centre_px, lens.width_px) == ((5, 6), (3.5, 2.5), None)
    assert read_lens(tmp_path / name, first_centre_px=0.5).centre_px == (3, 2)
    matrix = lens.camera(height_px=6, width_px=8, of=tmp_path).matrix
    assert matrix.tolist() == [[5, 0, 3.5], [0, 6, 2.5], [0, 0, 1]]


def test_read_lens__knows_square_pixels_and_the_width_it_belongs_to(tmp_path: Path) -> None:
    (tmp_path / "camera.json").write_text('{"fx": 5, "cx": 3, "cy": 2, "width": 8}')
    camera = read_lens(tmp_path / "camera.json").camera(height_px=12, width_px=16, of=tmp_path)
    assert camera.matrix.tolist() == [[10, 0, 7], [0, 10, 5], [0, 0, 1]]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "{", "camera in JSON"),
        ("a.json", "[1]", "camera in JSON"),
        ("a.json", '{"fx": 5, "cx": 3}', "KeyError: 'cy'"),
        ("a.json", '{"fx": "wide", "cx": 3, "cy": 2}', "wide"),
        ("a.json", '{"fx": 0, "cx": 3, "cy": 2}', "focal lengths above 0"),
        ("a.json", '{"fx": 5, "cx": 3, "cy": 2, "width": 0}', "focal lengths above 0"),
        ("a.txt", "5 6 3", "3 numbers"),
        ("a.txt", "fx = 5", "no numbers"),
        ("a.txt", "5 6 nan 2", "cx nan"),
    ],
)
def test_read_lens__names_what_is_wrong(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        read_lens(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_camera__of_another_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "four.txt").write_text("5 6 30 2")
    with pytest.raises(DataError, match=r'principal point inside the 6x8 picture .* "width": 640'):
        read_lens(tmp_path / "four.txt").camera(height_px=6, width_px=8, of=tmp_path / "a.png")


def test_camera_file_above__takes_the_nearest_and_stops_at_the_root(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert camera_file_above(deep, tmp_path) is None
    (tmp_path / "K.txt").write_text("")
    assert camera_file_above(deep, tmp_path) == tmp_path / "K.txt"
    assert camera_file_above(deep, tmp_path / "a") is None
    (deep / "camera.json").write_text("")
    assert camera_file_above(deep, tmp_path) == deep / "camera.json"
    (deep / "calibration.json").write_text("")
    assert camera_file_above(deep, tmp_path) == deep / "calibration.json"


def test_read_lens__reads_the_real_file_of_seven_scenes() -> None:
    lens = read_lens(shared("data/seven_scenes/camera-intrinsics.txt"))
    assert (lens.focal_px, lens.centre_px) == ((585, 585), (320.5, 240.5))
