# SPDX-License-Identifier: Apache-2.0
"""The maps of a clip enter one by one; a video of picture and coloured depth side by side, on one scale, leaves.

A scale that holds for the whole clip is known only at its end, so there are two passes: the first keeps each map at the
size it is shown, in half precision in a file without name (0.46 MB for 640x360), and a few of its values; the second reads
the pictures again and colours.  Memory holds one frame whatever the clip's length.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import StorageError
from leadline.inference.clips.video_file import pyav
from leadline.inference.outputs.files import KIND_TITLES
from leadline.rasters.atomic import atomically
from leadline.rasters.colour import PAPER, Ramp, colourise, robust_range, with_legend
from leadline.rasters.panels import enlarged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from leadline.inference.clips.clip import ClipFrame

WIDEST_PANEL_PX = 640
_NARROWEST_PANEL_PX = 240
_VALUES_PER_FRAME = 256
_TICKS_PER_S = 90_000  # the clock of MPEG systems
_GAP_PX = 4
_QUALITY = {"crf": "18", "preset": "veryfast"}  # of libx264: no banding to be seen


@dataclass(frozen=True, slots=True)
class _Kept:
    index: int
    peak: float


class KeptMaps:
    """Maps of a clip, small and on disk, and the scale that shows them all.

    Args:
        folder: where the nameless file lies; it is gone with this object.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the object
        self._kept: list[_Kept] = []
        self._values: list[NDArray[np.float32]] = []
        self._size = (0, 0)

    def add(self, index: int, depth: DepthMap) -> None:
        """The next map (H, W), of one size throughout the clip.  StorageError where the disk is full."""
        values, valid = _shown(depth.values), _shown(depth.valid) & np.isfinite(_shown(depth.values))
        known = values[valid]
        self._values.append(known[:: max(1, known.size // _VALUES_PER_FRAME)])
        self._size = values.shape
        # Halves reach 65504 and resolve 1/2048: in units of the frame's greatest value, finer than 256 colours.
        peak = float(np.abs(known).max()) if known.size else 1.0
        halves = np.where(valid, values / (peak or 1.0), np.nan).astype(np.float16)
        try:
            self._file.write(halves.tobytes())
        except OSError as error:
            raise StorageError(
                expected=f"room for {halves.nbytes} bytes per frame of the colour video",
                got=error.strerror or str(error),
                remedy="free some space, or leave color out of --save",
            ) from error
        self._kept.append(_Kept(index, peak or 1.0))

    @property
    def scale(self) -> tuple[float, float]:
        """The 2nd and 98th percentile of all frames' values together, in their unit."""
        values = np.concatenate(self._values) if self._values else np.zeros(0, np.float32)
        return robust_range(values, np.ones(values.shape, bool))

    def maps(self, kind: DepthKind) -> Iterable[tuple[int, DepthMap]]:
        """Every frame's number and map (h, w) at the size it is shown, in order."""
        self._file.seek(0)
        for kept in self._kept:
            halves = np.frombuffer(self._file.read(2 * self._size[0] * self._size[1]), np.float16).reshape(self._size)
            values = halves.astype(np.float32) * np.float32(kept.peak)
            yield kept.index, DepthMap(values=values, valid=np.isfinite(values), kind=kind)


def write_colour_video(
    path: Path, frames: Iterable[ClipFrame], kept: KeptMaps, *, kind: DepthKind, title: str
) -> dict[str, Any]:
    """Write an mp4 with each picture beside its depth, under one legend, at the times of the frames.

    Args:
        path: where to; written atomically.
        frames: the clip again, from its start; frames without a map are passed over.
        kept: the maps.
        kind: of the maps.
        title: what the legend is headed with; the kind's own title follows.

    Returns:
        The ends of the scale and the codec, for the record.

    Raises:
        MissingExtraError: PyAV is not installed.
        StorageError: the folder cannot be written.
        DataError: the clip cannot be read again.
    """
    av = pyav()
    low, high = kept.scale
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    maps = iter(kept.maps(kind))
    waiting = next(maps, None)
    with atomically(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream, last = None, -1
        for frame in frames:
            if waiting is None or frame.index != waiting[0]:
                continue
            picture = _even(_beside(frame.rgb, waiting[1], low=low, high=high, title=title))
            if stream is None:
                stream = _stream(container, codec, picture.shape)
            image = av.VideoFrame.from_ndarray(picture, format="rgb24")
            last = max(round(frame.time_s * _TICKS_PER_S), last + 1)
            image.pts, image.time_base = last, Fraction(1, _TICKS_PER_S)
            container.mux(stream.encode(image))
            waiting = next(maps, None)
        if stream is not None:
            container.mux(stream.encode())
    return {"file": path.name, "low": low, "high": high, "codec": codec}


def _stream(container: Any, codec: str, shape: tuple[int, ...]) -> Any:
    stream = container.add_stream(codec, options=_QUALITY if codec == "libx264" else {"qscale": "3"})
    stream.height, stream.width = shape[:2]
    stream.pix_fmt = "yuv420p"  # what every player shows
    stream.codec_context.time_base = Fraction(1, _TICKS_PER_S)
    return stream


def _beside(rgb: NDArray[np.uint8], depth: DepthMap, *, low: float, high: float, title: str) -> NDArray[np.uint8]:
    ramp = Ramp.DISPARITY if depth.kind.near_is_large else Ramp.DEPTH
    height, width = depth.values.shape
    left = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BOX))
    right = colourise(depth.values, depth.valid, low=low, high=high, ramp=ramp)
    left, right = (enlarged(one, _NARROWEST_PANEL_PX) for one in (left, right))
    gap = np.full((left.shape[0], _GAP_PX, 3), PAPER, np.uint8)
    both = np.concatenate([left, gap, right], axis=1)
    return with_legend(both, low=low, high=high, unit=depth.unit, title=f"{title}: {KIND_TITLES[depth.kind]}", ramp=ramp)


def _shown(array: NDArray[Any]) -> NDArray[Any]:
    """(H, W) -> at most ``WIDEST_PANEL_PX`` wide, by picking pixels: no depth is made up between two."""
    height, width = array.shape
    if width <= WIDEST_PANEL_PX:
        return array
    factor = WIDEST_PANEL_PX / width
    rows, columns = max(1, round(height * factor)), WIDEST_PANEL_PX
    return array[
        np.ix_(
            ((np.arange(rows) + 0.5) * height / rows).astype(np.intp),
            ((np.arange(columns) + 0.5) * width / columns).astype(np.intp),
        )
    ]


def _even(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Sides that are multiples of 2, which 4:2:0 needs; a row or column of paper is added."""
    height, width = picture.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return picture
    canvas = np.full((height + height % 2, width + width % 2, 3), PAPER, np.uint8)
    canvas[:height, :width] = picture
    return canvas
