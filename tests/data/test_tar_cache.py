# SPDX-License-Identifier: Apache-2.0
"""An index is made once, kept, and made again when its tar or the cache is another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import leadline.data.tar_cache as tar_cache
from leadline.contracts.errors import DataError
from leadline.data.tar_cache import index_place, indexed
from leadline.data.tar_index import TarIndex, scan_tar
from leadline.rasters.user_cache import FOLDER_VARIABLE
from tests.data.tars import sa1b


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    made: list[Path] = []

    def scan(tar: Path) -> TarIndex:
        made.append(tar)
        return scan_tar(tar)

    monkeypatch.setattr(tar_cache, "scan_tar", scan)
    return made


def names(index: TarIndex) -> list[str]:
    return [index.name(which) for which in range(len(index))]


def test_indexed__scans_once_and_gives_the_same_again(tmp_path: Path, scans: list[Path], cache_of_its_own: Path) -> None:
    tar = sa1b(tmp_path / "a.tar", count=3)
    first, again = indexed(tar), indexed(tar)
    assert scans == [tar]
    assert names(first) == names(again) == ["sa_1.jpg", "sa_2.jpg", "sa_3.jpg"]
    assert (again.offsets.tolist(), again.sizes.tolist()) == (first.offsets.tolist(), first.sizes.tolist())
    assert index_place(tar).is_relative_to(cache_of_its_own)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]  # nothing is left beside the user's data


def test_indexed__scans_again_when_the_tar_changed(tmp_path: Path, scans: list[Path]) -> None:
    tar = sa1b(tmp_path / "a.tar")
    indexed(tar)
    sa1b(tar, first=7)
    assert names(indexed(tar)) == ["sa_7.jpg", "sa_8.jpg"]
    state = tar.stat()
    os.utime(tar, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    indexed(tar)
    assert len(scans) == 3
    with tar.open("ab") as file:  # as long ago as before, but longer
        file.write(bytes(512))
    os.utime(tar, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    indexed(tar)
    assert len(scans) == 4


@pytest.mark.parametrize("kept", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_indexed__makes_a_damaged_index_anew(tmp_path: Path, scans: list[Path], kept: bytes) -> None:
    tar = sa1b(tmp_path / "a.tar")
    indexed(tar)
    index_place(tar).write_bytes(kept)
    assert names(indexed(tar)) == ["sa_1.jpg", "sa_2.jpg"]
    assert len(scans) == 2


def test_indexed__does_without_a_cache_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scans: list[Path]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file"))
    tar = sa1b(tmp_path / "a.tar")
    assert names(indexed(tar)) == names(indexed(tar))
    assert len(scans) == 2


def test_indexed__names_a_missing_tar(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.tar"):
        indexed(tmp_path / "gone.tar")
