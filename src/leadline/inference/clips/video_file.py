# SPDX-License-Identifier: Apache-2.0
"""A video file enters; a clip leaves, read by FFmpeg through PyAV (the extra ``video``)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from leadline.contracts.errors import DataError, MissingExtraError
from leadline.inference.clips.clip import UNSAID_RATE, Clip, ClipFrame, DamagePolicy
from leadline.inference.clips.structure import find_break
from leadline.rasters.images import MAX_PIXELS, broken_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import NDArray

    from leadline.inference.clips.structure import Break

_ENDS_EARLY_FRAMES = 3  # less than this short of the promised duration is rounding
_GAP_FRAMES = 1.5  # between frames of a damaged file: one at least is lost


def video_clip(path: Path) -> Clip:
    """Look at a video file (what FFmpeg reads: mp4, webm, avi, mkv, mov, gif, ...) without decoding it.

    Raises:
        DataError: no such file, nothing FFmpeg can read, no video in it, frames too large.
        MissingExtraError: PyAV is not installed.
    """
    av = pyav()
    with _opened(av, path) as container:
        stream = container.streams.video[0]
        rate = Fraction(stream.average_rate or stream.guessed_rate or UNSAID_RATE)
        promised_s = _promised_s(container)
        frames = stream.frames or (round(promised_s * rate) if promised_s else None)
        broken = find_break(path)
        by_count = "avi" in container.format.name.split(",")  # its duration follows from the file's size, its count does not

    def read(policy: DamagePolicy, tell: Callable[[str], None]) -> Iterator[ClipFrame]:
        last = -1
        end_s = 0.0
        if broken and (policy == "stop" or not broken.cut):  # said at once, not after hours of the frames before it
            _report_damage(path, broken.sentence, policy, tell)
        for one in _decoded(av, path, policy, tell, broken):
            last, end_s = one.index, one.time_s + float(1 / rate)
            yield one
        if last < 0:
            raise _refusal(path, "not one frame that can be decoded")
        short = (frames or 0) - last - 1 if by_count else ((promised_s or 0.0) - end_s) * float(rate)
        if short >= _ENDS_EARLY_FRAMES or (broken and broken.cut):
            _report_damage(path, f"it ends early, after {last + 1} frames and {end_s:.2f} s", policy, tell)

    return Clip(path=path, expected_frames=frames, rate=rate, read=read)


def _decoded(
    av: ModuleType, path: Path, policy: DamagePolicy, tell: Callable[[str], None], broken: Break | None
) -> Iterator[ClipFrame]:
    """Every frame that decodes; the others are reported."""
    count = _Count(gaps_are_losses=broken is not None, most=None if broken is None else broken.frames_before)
    with _opened(av, path) as container:
        stream = container.streams.video[0]
        count.rate = float(stream.average_rate or stream.guessed_rate or UNSAID_RATE)
        count.steady = stream.average_rate == stream.base_rate
        # Otherwise FFmpeg paints over damage with its neighbours, and the depth of a painted frame would be invented.
        stream.codec_context.options = {"err_detect": "explode"}
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                frames = [] if packet is None else packet.decode()
            except av.error.FFmpegError as error:
                if not count.lost:
                    what = f"frame {count.next} or one near it cannot be decoded ({_said(error)})"
                    _report_damage(path, what, policy, tell)
                count.lost = True
                continue
            if packet is None:
                return
            for frame in frames:
                if count.next == count.most:
                    return
                count.lost = count.lost or count.leaps(frame.time)
                if frame.is_corrupt and not count.lost:
                    _report_damage(path, f"frame {count.next} is damaged", policy, tell)
                    count.lost = True
                # What is decoded after a loss is made of it until a frame stands by itself.
                if count.lost and (frame.is_corrupt or not frame.key_frame or count.has_passed(frame.time)):
                    count.next += 1
                    continue
                rgb = _upright(frame)
                count.require_size(rgb.shape, path)
                index, time_s = count.place(None if frame.time is None else float(frame.time))
                yield ClipFrame(index=index, rgb=rgb, time_s=time_s, source=path)


@dataclass(slots=True)
class _Count:
    """Which frame comes next, and when; of a file whose blocks break off, ``most`` is how many are whole."""

    gaps_are_losses: bool
    most: int | None
    next: int = 0
    rate: float = 0.0
    steady: bool = False
    lost: bool = False
    first_s: float | None = None
    size: tuple[int, ...] | None = None
    last: int = -1
    last_s: float = -1.0

    def has_passed(self, stamp_s: float | None) -> bool:
        """Whether a frame comes too late to stand in order."""
        return stamp_s is not None and stamp_s - (self.first_s or 0.0) <= self.last_s

    def leaps(self, stamp_s: float | None) -> bool:
        """Whether frames before this one are lost, which a demuxer that sought the next block does not tell."""
        if not self.gaps_are_losses or not self.steady or stamp_s is None or self.last < 0:
            return False
        return stamp_s - (self.first_s or 0.0) - self.last_s > _GAP_FRAMES / self.rate

    def place(self, stamp_s: float | None) -> tuple[int, float]:
        """Number and time of the frame in hand; after a loss, of which a decoder does not tell all, by its time stamp."""
        stamp = self.next / self.rate if stamp_s is None else stamp_s
        if self.first_s is None:
            self.first_s = 0.0 if self.lost else stamp
        time_s = stamp - self.first_s
        if self.lost and self.steady:
            self.next = max(self.last + 1, round(time_s * self.rate))
        self.last, self.last_s, self.next, self.lost = self.next, time_s, self.next + 1, False
        return self.last, time_s

    def require_size(self, size: tuple[int, ...], path: Path) -> None:
        self.size = self.size or size
        if size != self.size:
            raise _refusal(path, f"a change from {self.size[1]}x{self.size[0]} to {size[1]}x{size[0]} inside")


def _upright(frame: Any) -> NDArray[np.uint8]:
    """RGB bytes, turned as the file's display matrix says (counter-clockwise, as phones store what they hold upright)."""
    rgb: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb


@contextlib.contextmanager
def _opened(av: ModuleType, path: Path) -> Iterator[Any]:
    try:
        container = av.open(str(path))
    except (OSError, ValueError) as error:  # FFmpegError is an OSError or a ValueError, by kind
        raise DataError(
            expected="a video that FFmpeg can read",
            got=f"{path} ({broken_reason(path, error)})",
            remedy="check the file; one that was cut off while recording can often be repaired with ffmpeg",
        ) from error
    with container:
        streams = container.streams.video
        if not streams or streams[0].codec_context is None:
            raise _refusal(path, "no video that can be decoded")
        width, height = streams[0].codec_context.width, streams[0].codec_context.height
        if not 0 < width * height <= MAX_PIXELS:
            raise _refusal(path, f"frames of {width}x{height} pixels")
        yield container


def _promised_s(container: Any) -> float | None:
    """How long the video lasts by the header; of a file with sound too, only where the video has a duration of its own."""
    stream = container.streams.video[0]
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration and len(container.streams) == 1 else None


def _report_damage(path: Path, what: str, policy: DamagePolicy, tell: Callable[[str], None]) -> None:
    if policy == "skip":
        tell(what)
        return
    raise DataError(
        expected=f"a whole clip in {path}", got=what, remedy="repair it, or pass --on-unreadable skip to take what is good"
    )


def _refusal(path: Path, got: str) -> DataError:
    return DataError(
        expected="a clip with frames of one size", got=f"{path} with {got}", remedy="check the file, or convert it"
    )


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def pyav() -> ModuleType:
    """PyAV, which reads and writes video.  MissingExtraError where it is not installed."""
    try:
        import av
    except ImportError as error:
        raise MissingExtraError(
            expected="the package av (PyAV) for video files",
            got="no such package installed",
            remedy="pip install 'leadline[video]', or give a folder of frames",
        ) from error
    module: ModuleType = av
    return module
