# SPDX-License-Identifier: Apache-2.0
"""What a clip is to those who read it: a path and a promise, and frames one by one, upright, in order, with their times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

DamagePolicy = Literal["stop", "skip"]
UNSAID_RATE = Fraction(25)
"""Frames per second of what does not say: folders of pictures, and some streams."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipFrame:
    """One frame.

    Attributes:
        index: its number in the clip, from 0; damaged frames keep theirs.
        rgb: (H, W, 3) uint8 RGB, upright.
        time_s: seconds after the first frame, as the file says.
        source: the file it came from.
    """

    index: int
    rgb: NDArray[np.uint8]
    time_s: float
    source: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A clip that is still to be read.

    Attributes:
        path: the file or folder.
        expected_frames: how many frames it promises; an estimate from its duration in some formats, None where unsaid.
        rate: frames per second, on average where they vary.
        read: the frames in order, one in memory at a time.  Under "stop" a frame that cannot be decoded, and an end before
            the promised one, are a ``DataError``; under "skip" they are passed over, and a sentence about each is given
            to the function.
    """

    path: Path
    expected_frames: int | None
    rate: Fraction
    read: Callable[[DamagePolicy, Callable[[str], None]], Iterator[ClipFrame]]
