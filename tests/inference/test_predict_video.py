# SPDX-License-Identifier: Apache-2.0
"""A clip becomes files per frame, a colour video and a record."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError, StorageError, UsageError
from leadline.inference.clips.opening import open_clip
from leadline.inference.outputs.files import OutputFormat
from leadline.inference.predict_files import PredictionSettings
from leadline.inference.predict_video import VideoSettings, clip_places, predict_video
from leadline.inference.preprocess import PreprocessSettings
from tests.inference.clip_files import cut, striped, write_clip
from tests.inference.made_clips import as_map, room


class Shaky:
    """Says the room's inverse depth (or depth) under another scale and shift each time it is asked."""

    description: dict[str, Any] = {"model": "shaky"}  # noqa: RUF012
    preprocessing = PreprocessSettings()

    def __init__(self, kind: DepthKind = DepthKind.AFFINE_DISPARITY) -> None:
        self.kind = kind
        self.random = np.random.default_rng(0)
        self.largest_batch = 0

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        self.largest_batch = max(self.largest_batch, len(pictures))
        return [self.one(picture) for picture in pictures]

    def one(self, picture: NDArray[np.uint8]) -> DepthMap:
        depth_m = np.resize(room().depth_m, picture.shape[:2])
        scale, shift = math.exp(self.random.normal(0, 0.2)), self.random.normal(0, 0.1)
        if self.kind is DepthKind.METRIC:
            return as_map(scale * depth_m, self.kind)
        return as_map(scale / depth_m + shift, self.kind)


def settings(*formats: OutputFormat, stable: bool = False, batch_size: int = 4) -> VideoSettings:
    return VideoSettings(each=PredictionSettings(formats=formats, batch_size=batch_size), stable=stable)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "walk.mp4", [room().rgb] * 12)


def test_predict_video__writes_each_frame_under_its_number(clip: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    shaky = Shaky()
    place = tmp_path / "out" / "walk"
    summary = predict_video(shaky, clip, place, settings("npy"), lambda done, total: seen.append((done, total)))
    assert summary.predicted == 12
    assert shaky.largest_batch == 4
    assert seen == [(4, 12), (8, 12), (12, 12)]
    assert sorted(path.name for path in place.glob("*.npy")) == [f"walk_{index:06d}.npy" for index in range(12)]
    assert np.load(place / "walk_000007.npy").shape == room().depth_m.shape
    facts = json.loads((place / "walk_000007.json").read_text())
    assert (facts["frame"], facts["image"], facts["model"]) == (7, str(clip), "shaky")
    assert facts["time_s"] == pytest.approx(0.7, abs=1e-3)
    assert "stable" not in facts
    record = json.loads((place / "clip.json").read_text())
    assert (record["frames"], record["frames_promised"], record["frames_per_s"]) == (12, 12, 10.0)
    assert (record["height"], record["width"], record["kind"]) == (72, 96, "affine_disparity")
    assert record["flicker"]["before"] > 0.1
    assert record["flicker"]["after"] is None
    assert record["color"] is None
    assert summary.files[-1] == place / "clip.json"
    assert sorted(summary.files) == sorted(place.iterdir())


@pytest.mark.parametrize("kind", [DepthKind.AFFINE_DISPARITY, DepthKind.METRIC])
def test_predict_video__stable_takes_the_flicker_out_and_says_how_much(clip: Path, tmp_path: Path, kind: DepthKind) -> None:
    summary = predict_video(Shaky(kind), clip, tmp_path / "out", settings("npy", stable=True))
    assert summary.flicker_raw is not None
    assert summary.flicker_stable is not None
    assert summary.flicker_stable < 0.2 * summary.flicker_raw
    record = json.loads((tmp_path / "out" / "clip.json").read_text())
    assert record["flicker"]["before"] == summary.flicker_raw
    assert record["flicker"]["after"] == summary.flicker_stable
    assert record["flicker"]["triples"] == 10
    assert record["stable"] is True
    assert record["restarts"] == []
    facts = json.loads((tmp_path / "out" / "out_000005.json").read_text())
    assert facts["stable"]["restarted"] is False
    assert facts["stable"]["scale"] != 1.0
    first, later = (np.load(tmp_path / "out" / f"out_{index:06d}.npy") for index in (0, 11))
    assert np.abs(later - first).max() < 0.3 * np.abs(first).max()


def test_predict_video__names_the_frames_at_which_another_scene_began(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", [room().rgb] * 6 + [room(seed=1).rgb] * 6)
    summary = predict_video(Shaky(), clip, tmp_path / "out", settings(stable=True))
    assert summary.restarts == [6]
    assert json.loads((tmp_path / "out" / "clip.json").read_text())["restarts"] == [6]


def test_predict_video__one_colour_video_on_one_scale_with_the_clips_own_times(tmp_path: Path) -> None:
    times = [0, 100, 130, 400, 1000, 1010]
    clip = write_clip(tmp_path / "a.mp4", [room().rgb] * 6, times_ms=times)
    predict_video(Shaky(), clip, tmp_path / "out", settings("color", "npy", stable=True))
    assert not list((tmp_path / "out").glob("*.png"))
    video = open_clip(tmp_path / "out" / "out_color.mp4")
    frames = list(video.read("stop", print))
    assert [one.time_s for one in frames] == pytest.approx([t / 1000 for t in times], abs=2e-3)
    record = json.loads((tmp_path / "out" / "clip.json").read_text())["color"]
    values = np.stack([np.load(path) for path in sorted((tmp_path / "out").glob("*.npy"))])
    assert (record["low"], record["high"]) == pytest.approx(tuple(np.percentile(values, (2, 98))), rel=0.1)
    first, last = frames[0].rgb.astype(int), frames[-1].rgb.astype(int)
    assert np.abs(first - last).mean() < 6  # the same colours for the same room, flicker gone


def test_predict_video__a_folder_of_frames_is_a_clip(tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    for index in range(4):
        Image.fromarray(room().rgb).save(tmp_path / "shots" / f"{index}.png")
    summary = predict_video(Shaky(), tmp_path / "shots", tmp_path / "out" / "shots", settings("png16", "color"))
    assert summary.predicted == 4
    facts = json.loads((tmp_path / "out" / "shots" / "shots_000002.json").read_text())
    assert facts["image"] == str(tmp_path / "shots" / "2.png")
    assert (tmp_path / "out" / "shots" / "shots_000002_depth.png").is_file()
    assert (tmp_path / "out" / "shots" / "shots_color.mp4").is_file()


def test_predict_video__broken_blocks_stop_before_anything_is_predicted(tmp_path: Path) -> None:
    clip = cut(write_clip(tmp_path / "a.webm", [striped(index) for index in range(20)], codec="libvpx"), 0.7)
    with pytest.raises(DataError, match="it ends early, at byte") as refused:
        predict_video(Shaky(), clip, tmp_path / "out", settings("npy"))
    assert "before it are in" not in str(refused.value)
    assert not list((tmp_path / "out").iterdir())


def test_predict_video__an_early_end_stops_or_is_recorded(tmp_path: Path) -> None:
    clip = cut(write_clip(tmp_path / "a.mp4", [striped(index) for index in range(40)]), 0.6)
    with pytest.raises(DataError, match="--on-unreadable skip") as refused:
        predict_video(Shaky(), clip, tmp_path / "stopped", settings("npy"))
    written = sorted(path.name for path in (tmp_path / "stopped").glob("*.npy"))
    assert written[0] == "stopped_000000.npy"
    assert f"(files of {len(written)} frames before it are in {tmp_path / 'stopped'})" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "stopped" / "clip.json").exists()
    skip = VideoSettings(each=PredictionSettings(formats=("npy", "color"), on_unreadable="skip"))
    summary = predict_video(Shaky(), clip, tmp_path / "out", skip)
    record = json.loads((tmp_path / "out" / "clip.json").read_text())
    assert record["damage"] == summary.damage
    assert "ends early" in summary.damage[-1]
    assert record["frames"] == summary.predicted < record["frames_promised"] == 40
    assert len(list(open_clip(tmp_path / "out" / "out_color.mp4").read("stop", print))) == summary.predicted


def test_predict_video__refuses_frames_of_several_sizes_and_folders_without_one_good_picture(tmp_path: Path) -> None:
    Image.fromarray(room().rgb).save(tmp_path / "0.png")
    Image.fromarray(room().rgb[:40]).save(tmp_path / "1.png")
    with pytest.raises(DataError, match=r"frames of one size, 96x72 .* 96x40 in .*1\.png"):
        predict_video(Shaky(), tmp_path, tmp_path / "out", settings("npy"))
    for index in range(2):
        (tmp_path / f"{index}.png").write_bytes(b"broken")
    skip = VideoSettings(each=PredictionSettings(on_unreadable="skip"))
    with pytest.raises(DataError, match="at least one readable frame"):
        predict_video(Shaky(), tmp_path, tmp_path / "out", skip)


def test_predict_video__refuses_before_it_decodes(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="batch size"):
        predict_video(Shaky(), clip, tmp_path / "out", settings("npy", batch_size=0))
    with pytest.raises(UsageError, match="ply"):
        predict_video(Shaky(), clip, tmp_path / "out", settings("ply"))
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"):
        predict_video(Shaky(), clip, tmp_path / "file", settings("color"))
    assert not (tmp_path / "out").exists()


def test_predict_video__never_writes_over_its_own_clip(tmp_path: Path) -> None:
    (tmp_path / "walk").mkdir()
    clip = write_clip(tmp_path / "walk" / "walk_color.mp4", [room().rgb] * 3)
    with pytest.raises(StorageError, match="never over it"):
        predict_video(Shaky(), clip, tmp_path / "walk", settings("color"))
    with pytest.raises(StorageError, match="never over it"):
        predict_video(Shaky(), tmp_path / "walk", tmp_path / "walk", settings("npy"))


def test_clip_places__are_distinct(tmp_path: Path) -> None:
    paths = [Path("a/x.mp4"), Path("b/x.mp4"), Path("b/x.webm"), tmp_path]
    places = clip_places(paths, Path("out"))
    assert [place.name for place in places.values()] == ["x.mp4", "x.mp4_2", "x.webm", tmp_path.name]
