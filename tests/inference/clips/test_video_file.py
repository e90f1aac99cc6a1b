# SPDX-License-Identifier: Apache-2.0
"""Video files become frames, or one line that says why not."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadline.contracts.errors import DataError, MissingExtraError
from leadline.inference.clips.clip import ClipFrame, DamagePolicy
from leadline.inference.clips.video_file import video_clip
from tests.inference.clip_files import cut, number, spoil, striped, turn, write_clip

PICTURES = [striped(index) for index in range(40)]
CODECS = {"a.mp4": "libx264", "a.webm": "libvpx", "a.avi": "mpeg4", "a.gif": "gif"}


def frames(path: Path, policy: DamagePolicy = "stop") -> tuple[list[ClipFrame], list[str]]:
    told: list[str] = []
    return list(video_clip(path).read(policy, told.append)), told


@pytest.mark.parametrize("name", CODECS)
def test_read__gives_every_frame_in_order_with_its_time(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name, PICTURES, codec=CODECS[name])
    found, told = frames(path)
    assert [one.index for one in found] == [number(one.rgb) for one in found] == list(range(40))
    assert [one.time_s for one in found] == pytest.approx([index / 10 for index in range(40)], abs=2e-3)
    assert found[0].rgb.dtype == np.uint8
    assert found[0].rgb.shape == PICTURES[0].shape
    assert found[0].source == path
    assert told == []
    assert video_clip(path).rate == 10
    assert video_clip(path).expected_frames == 40


def test_read__keeps_red_red(tmp_path: Path) -> None:
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 250
    found, _ = frames(write_clip(tmp_path / "a.mp4", [red] * 3))
    np.testing.assert_allclose(found[0].rgb[20, 20], [250, 0, 0], atol=8)


def test_read__keeps_the_times_of_a_variable_rate(tmp_path: Path) -> None:
    times = [0, 100, 130, 400, 1000, 1010]
    found, told = frames(write_clip(tmp_path / "a.mp4", PICTURES[:6], times_ms=times))
    assert [one.time_s for one in found] == pytest.approx([t / 1000 for t in times], abs=1e-3)
    assert [number(one.rgb) for one in found] == list(range(6))
    assert told == []


@pytest.mark.parametrize(("clockwise_deg", "turns"), [(90, -1), (180, 2)])
def test_read__turns_frames_upright(tmp_path: Path, clockwise_deg: int, turns: int) -> None:
    path = write_clip(tmp_path / "a.mp4", PICTURES[:3])
    plain, _ = frames(path)
    turn(path, clockwise_deg)
    turned, _ = frames(path)
    assert (turned[0].rgb == np.rot90(plain[0].rgb, turns)).all()
    assert turned[0].rgb.flags.c_contiguous


@pytest.mark.parametrize("name", CODECS)
def test_read__a_video_that_ends_early_is_said_so(tmp_path: Path, name: str) -> None:
    path = cut(write_clip(tmp_path / name, PICTURES, codec=CODECS[name]), 0.6)
    with pytest.raises(DataError) as refused:
        frames(path)
    assert "\n" not in str(refused.value)
    assert "--on-unreadable skip" in str(refused.value)
    found, told = frames(path, "skip")
    assert 2 <= len(found) < 35
    assert "ends early" in told[-1]
    assert f"after {found[-1].index + 1} frames" in told[-1]
    assert [number(one.rgb) for one in found] == [one.index for one in found]


def test_read__a_damaged_frame_is_never_painted_over(tmp_path: Path) -> None:
    path = spoil(write_clip(tmp_path / "a.mp4", PICTURES))
    with pytest.raises(DataError, match=r"frame \d+ or one near it cannot be decoded"):
        frames(path)
    found, told = frames(path, "skip")
    assert len(told) == 1
    assert 10 < len(found) < 40
    assert found[-1].index == 39
    assert [number(one.rgb) for one in found] == [one.index for one in found]


@pytest.mark.parametrize("name", ["a.webm", "a.mkv", "a.gif"])
def test_read__blocks_that_break_off_are_said_before_the_first_frame(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name, PICTURES, codec={"a.mkv": "libx264"}.get(name) or CODECS[name])
    data = bytearray(path.read_bytes())
    start = len(data) * 2 // 3
    data[start : start + 1500] = bytes(1500)  # the heads of some blocks are among them
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"damaged at byte \d+ of {len(data)}") as refused:
        next(video_clip(path).read("stop", list[str]().append))
    assert "\n" not in str(refused.value)
    found, told = frames(path, "skip")
    assert told[0].startswith("it is damaged at byte")
    assert 10 < len(found) < 40
    assert [number(one.rgb) for one in found] == [one.index for one in found]  # nothing made of lost frames


@pytest.mark.parametrize("name", ["a.webm", "a.gif"])
def test_read__an_early_end_is_seen_even_where_only_the_last_frame_is_cut(tmp_path: Path, name: str) -> None:
    path = cut(write_clip(tmp_path / name, PICTURES, codec=CODECS[name]), 0.985)
    found, told = frames(path, "skip")
    assert len(found) in (38, 39)
    assert told == [f"it ends early, after {len(found)} frames and {len(found) / 10:.2f} s"]


def test_video_clip__refuses_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    for name, why in (("text.mp4", "Invalid data"), ("empty.mp4", "0 bytes"), ("none.mp4", "no such file")):
        with pytest.raises(DataError, match=why) as refused:
            video_clip(tmp_path / name)
        assert "\n" not in str(refused.value)


def test_video_clip__refuses_sound_without_pictures(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="flt", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(DataError, match="no video"):
        video_clip(path)


def test_read__refuses_a_file_without_one_good_frame(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", PICTURES[:1])
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    path.write_bytes(data[:start] + bytes(len(data) - start))
    with pytest.raises(DataError, match=r"not one frame|cannot be decoded"):
        frames(path, "skip")


def test_video_clip__without_pyav_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name == "av":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"leadline\[video\]"):
        video_clip(tmp_path / "a.mp4")
