# SPDX-License-Identifier: Apache-2.0
"""Frames of Hypersim are found, listed, split by scene, and matched with their pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.contracts.errors import DataError, UsageError
from leadline.data.hypersim_list import (
    SPLITS_NAME,
    HypersimFrame,
    frames_below,
    frames_listed,
    frames_of_split,
    frames_with_picture,
)
from tests.data.layouts import hypersim
from tests.shared_paths import shared

ROW = (
    "/mnt/x/HyperSim/all/{0}/images/scene_cam_00_final_preview/frame.{1}.tonemap.jpg "
    "/mnt/x/HyperSim/all/{0}/images/scene_cam_00_geometry_hdf5/frame.{1}.depth_meters.hdf5\n"
)


def test_frames_below__are_sorted_and_spell_their_files(tmp_path: Path) -> None:
    hypersim(tmp_path, {"ai_002_001": 1, "ai_001_001": 2}, frames=1)
    frames = frames_below(tmp_path)
    assert frames == [
        HypersimFrame("ai_001_001", "cam_00", "0000"),
        HypersimFrame("ai_001_001", "cam_01", "0000"),
        HypersimFrame("ai_002_001", "cam_00", "0000"),
    ]
    assert all((tmp_path / frame.depth).is_file() and (tmp_path / frame.preview).is_file() for frame in frames)


def test_frames_of_split__follow_the_file_of_the_release(tmp_path: Path) -> None:
    hypersim(tmp_path, {"ai_001_001": 1, "ai_002_001": 1, "ai_003_001": 1})
    path = tmp_path / SPLITS_NAME
    path.write_text(path.read_text().replace("ai_001_001,cam_00,1,True,,", "ai_001_001,cam_00,1,False,dark,"))
    frames = frames_below(tmp_path)
    scenes = {
        split: [(frame.scene, frame.number) for frame in frames_of_split(frames, tmp_path, split)]
        for split in ("train", "val", "test", "all")
    }
    assert scenes["train"] == [("ai_001_001", "0000")]
    assert scenes["val"] == [("ai_002_001", "0000"), ("ai_002_001", "0001")]
    assert scenes["test"] == [("ai_003_001", "0000"), ("ai_003_001", "0001")]
    assert scenes["all"] == scenes["train"] + scenes["val"] + scenes["test"]
    path.unlink()
    assert frames_of_split(frames, tmp_path, "all") == frames
    with pytest.raises(UsageError, match=f"{SPLITS_NAME} in .* for split 'val'; got no such file"):
        frames_of_split(frames, tmp_path, "val")
    path.write_text("scene,camera\nai_001_001,cam_00\n")
    with pytest.raises(DataError, match=f"got line 2 of .*{SPLITS_NAME}"):
        frames_of_split(frames, tmp_path, "all")


def test_frames_of_split__reads_the_real_file() -> None:
    root = shared("data/hypersim")
    frames = [HypersimFrame("ai_037_002", "cam_00", f"{number:04d}") for number in range(100)]
    assert [len(frames_of_split(frames, root, split)) for split in ("train", "val", "all")] == [95, 0, 95]


def test_frames_listed__reads_every_row_of_the_official_list_and_refuses_another(tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_text(ROW.format("ai_003_010", "0007") + ROW.format("ai_001_001", "0000"))
    assert frames_listed(tmp_path / "val.txt") == [
        HypersimFrame("ai_003_010", "cam_00", "0007"),
        HypersimFrame("ai_001_001", "cam_00", "0000"),
    ]
    (tmp_path / "bad.txt").write_text(ROW.format("ai_003_010", "0007").replace("frame.0007.depth", "frame.0008.depth"))
    with pytest.raises(DataError, match=r"the distances of the same frame; got .* in line 1 of .*bad\.txt"):
        frames_listed(tmp_path / "bad.txt")
    official = frames_listed(shared("data/splits/depth_anything_v2/hypersim/val.txt.gz"))
    assert len(official) == len(set(official)) == 7386


def test_frames_with_picture__prefer_the_preview_and_count_what_has_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hypersim(tmp_path, {"ai_001_001": 1}, frames=3)
    hypersim(tmp_path, {"ai_001_001": 1}, frames=2, radiance=True)
    frames = frames_below(tmp_path)
    (tmp_path / frames[1].preview).unlink()
    (tmp_path / frames[2].preview).unlink()
    assert frames_with_picture(frames, tmp_path) == [(frames[0], frames[0].preview), (frames[1], frames[1].radiance)]
    assert "1 of 3 frames" in caplog.text
    assert frames[2].depth in caplog.text
