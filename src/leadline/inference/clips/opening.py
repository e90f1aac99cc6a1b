# SPDX-License-Identifier: Apache-2.0
"""A video file or a folder of pictures enters; a clip that is still to be read leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError
from leadline.contracts.paths import is_folder
from leadline.inference.clips.clip import UNSAID_RATE, Clip, ClipFrame, DamagePolicy
from leadline.inference.clips.video_file import video_clip
from leadline.inference.pictures import as_picture
from leadline.rasters.images import list_images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VIDEO_SUFFIXES: frozenset[str] = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi"})
"""Endings, in lower case, of files that are clips and nothing else; ``.gif`` is a clip too where a clip is asked for."""


def is_video(path: Path) -> bool:
    """Whether a path names a clip by its ending.

    >>> from pathlib import Path
    >>> is_video(Path("a.MP4")), is_video(Path("a.gif"))
    (True, False)
    """
    return path.suffix.lower() in VIDEO_SUFFIXES


def open_clip(path: Path) -> Clip:
    """Look at a clip without decoding it.

    Args:
        path: a video file (what FFmpeg reads: mp4, webm, avi, mkv, mov, gif, ...), or a folder whose pictures, in the order
            of their paths, are its frames.

    Raises:
        DataError: no such file, nothing FFmpeg can read, no video in it, frames too large; a folder without pictures.
        MissingExtraError: a video file without PyAV.
    """
    return _folder_clip(path) if is_folder(path) else video_clip(path)


def _folder_clip(folder: Path) -> Clip:
    pictures = list_images(folder)
    if not pictures:
        raise DataError(expected="a folder of frames", got=f"{folder}, without pictures", remedy="check the path")

    def read(policy: DamagePolicy, tell: Callable[[str], None]) -> Iterator[ClipFrame]:
        for index, path in enumerate(pictures):
            try:
                rgb = as_picture(path)
            except DataError as error:
                if policy == "stop":
                    raise
                tell(f"frame {index}: {error}")
                continue
            yield ClipFrame(index=index, rgb=rgb, time_s=float(index / UNSAID_RATE), source=path)

    return Clip(path=folder, expected_frames=len(pictures), rate=UNSAID_RATE, read=read)
