# SPDX-License-Identifier: Apache-2.0
"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError, StorageError
from leadline.rasters import atomic
from leadline.rasters.atomic import atomically, not_written, require_writable


def write_and_fail(goal: Path, failure: Exception) -> None:
    with atomically(goal) as temporary:
        temporary.write_bytes(b"new")
        raise failure


def test_atomically__shows_the_file_only_when_it_is_whole(tmp_path: Path) -> None:
    goal = tmp_path / "deep" / "a.bin"
    with atomically(goal) as temporary:
        temporary.write_bytes(b"half")
        assert not goal.exists()
        assert temporary.parent == goal.parent
        assert temporary.suffix == ".bin"
    assert goal.read_bytes() == b"half"
    assert list(goal.parent.iterdir()) == [goal]


def test_atomically__who_reads_the_old_file_meanwhile_reads_all_of_it(tmp_path: Path) -> None:
    goal = tmp_path / "a.bin"
    goal.write_bytes(b"old")
    with goal.open("rb") as reader:
        with atomically(goal) as temporary:
            temporary.write_bytes(b"new and longer")
        assert reader.read() == b"old"
    assert goal.read_bytes() == b"new and longer"


def test_atomically__keeps_the_old_file_and_leaves_no_litter_when_writing_fails(tmp_path: Path) -> None:
    goal = tmp_path / "a.bin"
    goal.write_bytes(b"old")
    with pytest.raises(DataError):
        write_and_fail(goal, DataError(expected="a", got="b", remedy="c"))
    assert goal.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [goal]


def test_atomically__brings_the_file_and_then_its_name_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def noted(path: Path) -> None:
        done.append(("folder" if path.is_dir() else "file") + (" renamed" if (tmp_path / "a.bin").exists() else ""))

    monkeypatch.setattr(atomic, "sync", noted)
    with atomically(tmp_path / "a.bin") as temporary:
        temporary.write_bytes(b"x")
    assert done == ["file", "folder renamed"]


def test_atomically__names_the_file_when_the_disk_is_full(tmp_path: Path) -> None:
    goal = tmp_path / "a.bin"
    with pytest.raises(StorageError, match=r"a\.bin; got No space left on device"):
        write_and_fail(goal, OSError(errno.ENOSPC, "No space left on device"))
    assert not list(tmp_path.iterdir())


def test_not_written__says_of_a_folder_that_was_copied_what_the_disk_said_and_no_list_of_files() -> None:
    refused = shutil.Error([("a/x", "b/x", "[Errno 28] No space left on device: 'a/x' -> 'b/x'")])
    told = not_written("to write b", refused)
    assert (told.got, told.remedy) == ("No space left on device", atomic.REMEDIES[errno.ENOSPC])


def test_atomically__refuses_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="writable"), atomically(tmp_path / "file" / "a.bin") as temporary:
        temporary.write_bytes(b"")


def test_require_writable__makes_the_folder_and_leaves_nothing_in_it(tmp_path: Path) -> None:
    require_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a").iterdir()) == [tmp_path / "a" / "b"]
    assert not list((tmp_path / "a" / "b").iterdir())


def test_require_writable__refuses_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match=r"to write into .*a; got .*; choose a folder that is writable"):
        require_writable(tmp_path / "file" / "a")


def test_atomically__bears_long_names(tmp_path: Path) -> None:
    goal = tmp_path / ("n" * 240 + ".bin")
    with atomically(goal) as temporary:
        temporary.write_bytes(b"x")
    assert goal.exists()
