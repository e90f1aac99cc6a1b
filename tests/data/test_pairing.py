# SPDX-License-Identifier: Apache-2.0
"""Files that belong together are found by name in the layouts people really have."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.data.pairing import pair_by_name
from tests.shared_paths import shared


def pairs_of(root: Path, names: list[str]) -> list[tuple[str, str]]:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return [
        (image.relative_to(root).as_posix(), depth.relative_to(root).as_posix()) for image, depth, _ in pair_by_name(root)
    ]


@pytest.mark.parametrize(
    ("image", "depth"),
    [
        ("rgb/1.jpg", "depth/1.png"),
        ("image/1.jpg", "depths/1.npy"),
        ("images/1.PNG", "Depth/1.exr"),
        ("color/1.png", "depth/1.pgm"),
        ("scene/rgb/a/1.jpg", "scene/depth/a/1.png"),
        ("1.png", "1_depth.png"),
        ("f-000.color.jpg", "f-000.depth.png"),
        ("s/rgb_00045.jpg", "s/sync_depth_00045.png"),
        ("1_rgb.png", "1_depth.tif"),
        ("img/1.jpg", "depth_map/1.pfm"),
    ],
)
def test_pair_by_name__knows_the_usual_layouts(tmp_path: Path, image: str, depth: str) -> None:
    assert pairs_of(tmp_path, [image, depth]) == [(image, depth)]


def test_pair_by_name__keeps_scenes_apart_and_sorts(tmp_path: Path) -> None:
    names = ["b/rgb/1.jpg", "b/depth/1.png", "a/rgb/1.jpg", "a/depth/1.png", ".hidden/rgb/1.jpg", "notes.txt"]
    assert pairs_of(tmp_path, names) == [("a/rgb/1.jpg", "a/depth/1.png"), ("b/rgb/1.jpg", "b/depth/1.png")]


def test_pair_by_name__counts_what_is_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert pairs_of(tmp_path, ["rgb/1.jpg", "depth/1.png", "rgb/2.jpg", "depth/3.png"]) == [("rgb/1.jpg", "depth/1.png")]
    assert "2 files" in caplog.text
    assert "rgb/2.jpg" in caplog.text


def test_pair_by_name__takes_for_depth_only_what_can_hold_it_and_is_called_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["rgb/1.jpg", "depth/a/1.png", "rgb/a/1.jpg", "depth/1.jpg", "depth/1.png", "depthless.png", "rgb/2.npy"]
    with caplog.at_level(logging.WARNING):
        found = pairs_of(tmp_path, names)
    assert found == [("rgb/1.jpg", "depth/1.png"), ("rgb/a/1.jpg", "depth/a/1.png")]
    assert "2 files" in caplog.text  # the JPEG and the picture "depthless"; the array in rgb/ is neither


def test_pair_by_name__refuses_two_files_for_one_place(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1\.jpg and .*1\.png"):
        pairs_of(tmp_path, ["rgb/1.jpg", "rgb/1.png", "depth/1.png"])


@pytest.mark.parametrize(
    ("folder", "count"), [("seven_scenes", 167), ("icl_nuim", 5), ("nyu_like", 5), ("tum", 2), ("hololens/000", 94)]
)
def test_pair_by_name__pairs_the_real_folders(folder: str, count: int) -> None:
    assert len(pair_by_name(shared(f"data/{folder}"))) == count


def test_pair_by_name__a_folder_named_like_a_picture_is_none(tmp_path: Path) -> None:
    (tmp_path / "rgb" / "2.png").mkdir(parents=True)
    assert pairs_of(tmp_path, ["rgb/1.jpg", "depth/1.png"]) == [("rgb/1.jpg", "depth/1.png")]
