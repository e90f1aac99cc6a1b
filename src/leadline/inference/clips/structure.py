# SPDX-License-Identifier: Apache-2.0
"""A GIF or a Matroska (WebM) file enters; where its blocks break off leaves, which FFmpeg passes over without a word.

Only the heads of blocks are read.  What they enclose may be damaged too; that is for the decoder to find.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

_GIF, _EBML = b"GIF8", b"\x1a\x45\xdf\xa3"
_GIF_TRAILER, _GIF_EXTENSION, _GIF_IMAGE, _GIF_PADDING = 0x3B, 0x21, 0x2C, 0x00
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_IN_SEGMENT = frozenset({_CLUSTER, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1043A770, 0x1254C367, 0x1941A469})
_IN_CLUSTER = frozenset({0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF, 0xEC, 0xBF})


@dataclass(frozen=True, kw_only=True, slots=True)
class Break:
    """The first place where a file does not go on as its blocks promise.

    Attributes:
        byte: where, from 0.
        size: of the file in bytes.
        cut: whether the file just ends there; else there is something that is no block.
        frames_before: whole frames up to there; None where blocks do not tell.
    """

    byte: int
    size: int
    cut: bool
    frames_before: int | None = None

    @property
    def sentence(self) -> str:
        """For the user."""
        return f"it ends early, at byte {self.size}" if self.cut else f"it is damaged at byte {self.byte} of {self.size}"


class _Broken(Exception):  # noqa: N818 - never leaves this file
    def __init__(self, byte: int, *, cut: bool) -> None:
        super().__init__()
        self.byte, self.cut = byte, cut


def find_break(path: Path) -> Break | None:
    """The break of a GIF or a Matroska file; None of a whole one, and of every other format.

    Sources: GIF89a specification, appendix B; RFC 8794 (EBML) and RFC 9559 (Matroska).
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = file.read(4)
        images = [0]
        try:
            if start == _GIF:
                _walk_gif(file, size, images)
            elif start == _EBML:
                file.seek(0)
                _walk_matroska(file, size)
        except _Broken as broken:
            frames = images[0] if start == _GIF else None
            return Break(byte=broken.byte, size=size, cut=broken.cut, frames_before=frames)
    return None


def _walk_gif(file: BinaryIO, size: int, images: list[int]) -> None:
    """To the trailer; ``images[0]`` counts the whole ones on the way."""
    file.seek(6 + 4)
    _skip(file, size, 2 + _colours_bytes(_byte(file)))
    while (kind := _byte(file)) != _GIF_TRAILER:
        begin = file.tell() - 1
        if kind == _GIF_PADDING:
            continue
        if kind == _GIF_EXTENSION:
            _skip(file, size, 1)
        elif kind == _GIF_IMAGE:
            _skip(file, size, 8)
            _skip(file, size, _colours_bytes(_byte(file)))
            if not 1 <= _byte(file) <= 8:  # bits of a first code of the compressed picture
                raise _Broken(begin, cut=False)
        else:
            raise _Broken(begin, cut=False)
        while length := _byte(file):
            _skip(file, size, length)
        images[0] += kind == _GIF_IMAGE


def _colours_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _byte(file: BinaryIO) -> int:
    found = file.read(1)
    if not found:
        raise _Broken(file.tell(), cut=True)
    return found[0]


def _skip(file: BinaryIO, size: int, length: int) -> None:
    begin = file.tell()
    if begin + length > size:
        raise _Broken(begin, cut=True)
    file.seek(length, os.SEEK_CUR)


def _walk_matroska(file: BinaryIO, size: int) -> None:
    while file.tell() < size:
        begin = file.tell()
        name, end = _element(file)
        if name != _SEGMENT:
            end = size if end is None else end
            if end > size:
                raise _Broken(begin, cut=False)
            file.seek(end)
            continue
        _walk_segment(file, min(size, end or size), may_be_cut=end is None or end > size)
        if end is not None and end > size:
            raise _Broken(size, cut=True)


def _walk_segment(file: BinaryIO, end: int, *, may_be_cut: bool) -> None:
    """Down to the heads of the blocks in its clusters; a cluster of unsaid length lasts until what stands beside it."""
    cluster_end = 0
    while (begin := file.tell()) < end:
        inside = begin < cluster_end
        name, element_end = _element(file)
        if name in _IN_SEGMENT and inside and cluster_end < end:
            raise _Broken(begin, cut=False)
        limit = cluster_end if inside and name not in _IN_SEGMENT else end
        element_end = limit if element_end is None else element_end
        known = name in _IN_SEGMENT | _IN_CLUSTER
        if element_end > limit and not (name == _CLUSTER and may_be_cut):
            raise _Broken(begin, cut=may_be_cut and known)
        if name == _CLUSTER:
            cluster_end = min(element_end, end)
        else:
            file.seek(element_end)


def _element(file: BinaryIO) -> tuple[int, int | None]:
    """The name of the element that begins here, and where it ends; None where it does not say."""
    begin = file.tell()
    name, _ = _number(file, begin, longest=4)
    marked, digits = _number(file, begin, longest=8)
    length = marked - (1 << 7 * digits)  # without the mark of how many bytes it has
    return name, None if length == (1 << 7 * digits) - 1 else file.tell() + length


def _number(file: BinaryIO, begin: int, *, longest: int) -> tuple[int, int]:
    """A number of 1 to ``longest`` bytes with its mark, and how many bytes it has."""
    first = file.read(1)
    digits = 9 - first[0].bit_length() if first else 1
    rest = file.read(digits - 1)
    if not first or len(rest) < digits - 1:
        raise _Broken(begin, cut=True)
    if digits > longest:
        raise _Broken(begin, cut=False)
    return int.from_bytes(first + rest), digits
