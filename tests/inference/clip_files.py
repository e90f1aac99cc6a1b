# SPDX-License-Identifier: Apache-2.0
"""Tiny clips, written by the tests themselves."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

TICKS = 1000  # per second


def striped(index: int, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """Noise that pans, so that each frame costs bytes, under a bar whose brightness counts the frames."""
    noise = np.random.default_rng(0).integers(60, 200, (height, 4 * width, 3), dtype=np.uint8)
    picture = noise[:, index : index + width].copy()
    picture[: height // 4] = 6 * index
    return picture


def number(rgb: NDArray[np.uint8]) -> int:
    """The frame's number, from its bar."""
    return round(float(rgb[2 : rgb.shape[0] // 4 - 2].mean()) / 6)


def write_clip(
    path: Path, pictures: Sequence[NDArray[np.uint8]], *, codec: str = "libx264", times_ms: Sequence[int] | None = None
) -> Path:
    """Ten frames per second, or at the times given; a key frame every ten, the index first."""
    av = pytest.importorskip("av", reason="the extra video is not installed")
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=10, options={"g": "10"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.bit_rate = 2_000_000  # enough that the bar is not blurred
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, TICKS)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index if times_ms is None else times_ms[index]
            if times_ms is not None:
                frame.time_base = Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turn(path: Path, clockwise_deg: int) -> None:
    """Write a display matrix into an mp4, as a phone does that was held upright."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    matrix = {90: (0, one, 0, -one, 0, 0, 0, 0, 1 << 30), 180: (-one, 0, 0, 0, -one, 0, 0, 0, 1 << 30)}[clockwise_deg]
    data[place : place + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)


def cut(path: Path, share: float) -> Path:
    """The first part of a file, under a name of its own."""
    short = path.with_name("cut_" + path.name)
    data = path.read_bytes()
    short.write_bytes(data[: int(len(data) * share)])
    return short


def spoil(path: Path) -> Path:
    """The file with 400 random bytes in its middle, under a name of its own."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = np.random.default_rng(1).integers(0, 256, 400, dtype=np.uint8).tobytes()
    spoiled = path.with_name("spoiled_" + path.name)
    spoiled.write_bytes(data)
    return spoiled
