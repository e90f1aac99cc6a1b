# SPDX-License-Identifier: Apache-2.0
"""GIF and Matroska files made by hand, whole and broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.inference.clips.structure import Break, find_break
from tests.inference.clip_files import striped, write_clip

SCREEN = b"GIF89a" + bytes([2, 0, 2, 0, 0x80, 0, 0]) + bytes(6)  # two colours
EXTENSION = bytes([0x21, 0xF9, 4, 0, 10, 0, 0, 0])
IMAGE = bytes([0x2C, 0, 0, 0, 0, 2, 0, 2, 0, 0, 2, 3, 7, 7, 7, 0])
GIF = SCREEN + EXTENSION + IMAGE + EXTENSION + IMAGE + b";"
UNSAID = b"\x01" + b"\xff" * 7


def element(name: str, body: bytes, length: bytes | None = None) -> bytes:
    return bytes.fromhex(name) + ((0x10000000 + len(body)).to_bytes(4) if length is None else length) + body


def matroska(*, segment: bytes | None = None, cluster: bytes | None = None) -> bytes:
    blocks = element("e7", b"\x00") + element("a3", b"\x81" + bytes(20)) * 3
    parts = element("1549a966", bytes(9)) + element("1f43b675", blocks, cluster) * 2 + element("1c53bb6b", bytes(5))
    return element("1a45dfa3", bytes(3)) + element("18538067", parts, segment)


def broken(folder: Path, data: bytes) -> Break | None:
    path = folder / "a"
    path.write_bytes(data)
    return find_break(path)


def test_find_break__finds_none_in_whole_files_and_in_other_formats(tmp_path: Path) -> None:
    padded = SCREEN + IMAGE + b"\0\0" + IMAGE + b";" + b"junk"
    lengths = [matroska(segment=one, cluster=other) for one in (None, UNSAID) for other in (None, UNSAID)]
    for data in (GIF, padded, *lengths, b"", b"GIF", b"RIFF1234"):
        assert broken(tmp_path, data) is None


@pytest.mark.parametrize("name", ["a.webm", "a.gif"])
def test_find_break__finds_none_in_what_ffmpeg_writes(tmp_path: Path, name: str) -> None:
    codec = "gif" if name == "a.gif" else "libvpx"
    assert find_break(write_clip(tmp_path / name, [striped(index) for index in range(12)], codec=codec)) is None


@pytest.mark.parametrize("kept", range(4, len(GIF)))
def test_find_break__a_gif_cut_anywhere_ends_early(tmp_path: Path, kept: int) -> None:
    found = broken(tmp_path, GIF[:kept])
    assert found is not None
    assert (found.cut, found.size) == (True, kept)
    first = len(SCREEN + EXTENSION + IMAGE)
    assert found.frames_before == (kept >= first) + (kept == len(GIF) - 1)
    assert found.sentence == f"it ends early, at byte {kept}"


def test_find_break__a_gif_with_what_is_no_block_says_where(tmp_path: Path) -> None:
    place = len(SCREEN + EXTENSION + IMAGE)
    for data in (
        GIF[:place] + b"\x99" + GIF[place + 1 :],
        GIF.replace(IMAGE + b";", IMAGE[:10] + b"\x0c" + IMAGE[11:] + b";"),
    ):
        found = broken(tmp_path, data)
        assert found is not None
        assert (found.cut, found.frames_before) == (False, 1)
    assert broken(tmp_path, GIF[:place] + b"\x99" + GIF[place + 1 :]) == Break(
        byte=place, size=len(GIF), cut=False, frames_before=1
    )


@pytest.mark.parametrize("unsaid", [None, UNSAID])
def test_find_break__a_matroska_cut_inside_an_element_ends_early(tmp_path: Path, unsaid: bytes | None) -> None:
    data = matroska(segment=unsaid, cluster=unsaid)
    for kept in (len(data) - 1, len(data) - 3, len(data) * 2 // 3):
        found = broken(tmp_path, data[:kept])
        assert found is not None
        assert found.cut
        assert found.frames_before is None
    found = broken(tmp_path, matroska(cluster=unsaid)[:-9])  # between elements: the segment's own length tells
    assert found is not None
    assert found.cut


@pytest.mark.parametrize("unsaid", [None, UNSAID])
def test_find_break__a_matroska_with_what_is_no_element_says_where(tmp_path: Path, unsaid: bytes | None) -> None:
    data = bytearray(matroska(segment=unsaid))
    place = data.index(b"\xa3", data.index(bytes.fromhex("1f43b675")))
    for wrong in (b"\x00", b"\x9f\x08\xff\xff\xff"):
        spoiled = data.copy()
        spoiled[place : place + len(wrong)] = wrong
        assert broken(tmp_path, bytes(spoiled)) == Break(byte=place, size=len(data), cut=False)


def test_find_break__a_block_longer_than_its_cluster_is_damage(tmp_path: Path) -> None:
    data = bytearray(matroska())
    place = data.index(b"\xa3", data.index(bytes.fromhex("1f43b675")))
    data[place + 1 : place + 5] = (0x10000000 + 90).to_bytes(4)
    assert broken(tmp_path, bytes(data)) == Break(byte=place, size=len(data), cut=False)
