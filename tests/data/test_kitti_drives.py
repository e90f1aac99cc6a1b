# SPDX-License-Identifier: Apache-2.0
"""KITTI's places: what a line of a list means, where a picture may lie, and what no drive is."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.data.kitti_drives import KittiFrame, KittiPlaces, read_frame_list, rectified_cameras, truth_below

DRIVE = "2011_09_26_drive_0002_sync"


def read(tmp_path: Path, text: str) -> list[tuple[str, KittiFrame]]:
    path = tmp_path / "list.txt"
    path.write_text(text)
    return read_frame_list(path)


def test_list__a_line_is_a_frame_whatever_its_form(tmp_path: Path) -> None:
    wanted = KittiFrame("2011_09_26", DRIVE, "image_03", 7)
    text = f"/a/b/2011_09_26/{DRIVE}/image_03/data/0000000007.jpg /c/d.png\n\n2011_09_26/{DRIVE} 7 r\n{DRIVE} 7 r\n"
    assert read(tmp_path, text) == [("line 1", wanted), ("line 3", wanted), ("line 4", wanted)]


def test_list__none_means_no_depth(tmp_path: Path) -> None:
    ((_, frame),) = read(tmp_path, f"2011_09_26/{DRIVE}/image_02/data/0000000069.png None 721.5377\n")
    assert not frame.has_truth


@pytest.mark.parametrize(
    "line",
    [
        f"2011_09_26/{DRIVE} 7",
        f"2011_09_26/{DRIVE} 7 x",
        f"2011_09_26/{DRIVE} seven l",
        f"2011_09_26/{DRIVE}/image_00/data/0000000007.png a",
        f"2011_09_26/{DRIVE}/image_02/data/0000000007.png",
    ],
)
def test_list__another_line_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match="got line 2 of"):
        read(tmp_path, f"{DRIVE} 7 r\n{line}\n")


def test_list__without_lines_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="without lines"):
        read(tmp_path, "\n")


def test_places__a_jpeg_stands_in_for_a_png(tmp_path: Path) -> None:
    frame, places = KittiFrame("2011_09_26", DRIVE, "image_02", 7), KittiPlaces(tmp_path, {}, tmp_path)
    assert places.picture(frame).suffix == ".png"
    jpeg = places.picture(frame).with_suffix(".jpg")
    jpeg.parent.mkdir(parents=True)
    jpeg.touch()
    assert places.picture(frame) == jpeg
    assert places.pictures_of([frame, KittiFrame("2011_09_26", DRIVE, "image_03", 7)]) == [
        jpeg, tmp_path / f"2011_09_26/{DRIVE}/image_03/data/0000000007.png",
    ]  # fmt: skip
    jpeg.with_suffix(".png").touch()
    assert places.picture(frame).suffix == ".png"
    assert places.pictures_of([frame]) == [places.picture(frame)]


def test_places__lists_depth_in_order_and_passes_over_other_files(tmp_path: Path) -> None:
    for camera, name in (("image_03", "0000000009.png"), ("image_02", "0000000010.png"), ("image_02", "notes.png")):
        path = tmp_path / "val" / DRIVE / "proj_depth/groundtruth" / camera / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "other_sync/proj_depth/groundtruth/image_02").mkdir(parents=True)
    places = truth_below(tmp_path, "groundtruth")
    assert [frame.key for frame in places.frames()] == [f"{DRIVE}/image_02/0000000010", f"{DRIVE}/image_03/0000000009"]
    assert truth_below(tmp_path, "velodyne_raw").frames() == []


def test_cameras__a_missing_file_has_none(tmp_path: Path) -> None:
    assert rectified_cameras(tmp_path / "calib_cam_to_cam.txt") == {}
