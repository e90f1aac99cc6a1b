# SPDX-License-Identifier: Apache-2.0
"""A clip promises and reads nothing until it is asked to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from leadline.inference.clips.clip import UNSAID_RATE, Clip, ClipFrame, DamagePolicy

PLACE = Path("clip.mp4")


def frame(index: int) -> ClipFrame:
    return ClipFrame(index=index, rgb=np.full((2, 3, 3), index, np.uint8), time_s=index / 25, source=PLACE)


def clip(read: list[int], damaged: int = 1) -> Clip:
    """Three frames, one of them damaged; ``read`` notes which were decoded."""

    def frames(policy: DamagePolicy, say: Callable[[str], None]) -> Iterator[ClipFrame]:
        for index in range(3):
            if index == damaged:
                if policy == "stop":
                    return
                say(f"frame {index} is damaged")
                continue
            read.append(index)
            yield frame(index)

    return Clip(path=PLACE, expected_frames=3, rate=UNSAID_RATE, read=frames)


def test_clip__holds_no_frame_and_gives_one_at_a_time() -> None:
    read: list[int] = []
    frames = clip(read).read("skip", lambda _: None)
    assert read == []
    assert next(frames).index == 0
    assert read == [0]


def test_clip__can_be_read_twice_and_a_damaged_frame_keeps_its_number() -> None:
    said: list[str] = []
    one = clip([])
    for _ in range(2):
        frames = list(one.read("skip", said.append))
        assert [(each.index, each.time_s) for each in frames] == [(0, 0.0), (2, 0.08)]
    assert said == ["frame 1 is damaged"] * 2


def test_clip__and_its_frames_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        frame(0).index = 1  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        clip([]).rate = Fraction(30)  # type: ignore[misc]


def test_clip__policies_are_those_of_unreadable_samples() -> None:
    assert get_args(DamagePolicy) == ("stop", "skip")
    assert float(UNSAID_RATE) == 25.0
