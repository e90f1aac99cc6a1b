# SPDX-License-Identifier: Apache-2.0
"""A video file or a folder of pictures is one clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.contracts.errors import DataError
from leadline.inference.clips.clip import UNSAID_RATE
from leadline.inference.clips.opening import open_clip
from tests.inference.clip_files import number, striped, write_clip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in (2, 0, 1):
        Image.fromarray(striped(index)).save(tmp_path / f"frame_{index:03}.png")
    return tmp_path


def test_open_clip__pictures_of_a_folder_are_frames_in_the_order_of_their_names(folder: Path) -> None:
    clip = open_clip(folder)
    found = list(clip.read("stop", print))
    assert [number(one.rgb) for one in found] == [one.index for one in found] == [0, 1, 2]
    assert [one.time_s for one in found] == [0.0, float(1 / UNSAID_RATE), float(2 / UNSAID_RATE)]
    assert found[1].source == folder / "frame_001.png"
    assert (clip.expected_frames, clip.rate, clip.path) == (3, UNSAID_RATE, folder)


def test_open_clip__a_broken_picture_stops_or_is_passed_over(folder: Path) -> None:
    (folder / "frame_001.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"frame_001\.png"):
        list(open_clip(folder).read("stop", print))
    told: list[str] = []
    found = list(open_clip(folder).read("skip", told.append))
    assert [one.index for one in found] == [0, 2]
    assert "frame_001.png" in told[0]


def test_open_clip__refuses_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="without pictures"):
        open_clip(tmp_path)


def test_open_clip__reads_a_file_by_its_content(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", [striped(index) for index in range(3)])
    (tmp_path / "odd.name").write_bytes(path.read_bytes())
    found = list(open_clip(tmp_path / "odd.name").read("stop", print))
    assert [one.rgb.shape for one in found] == [(48, 64, 3)] * 3
    assert np.abs(found[0].rgb.astype(int) - striped(0)).mean() < 20
