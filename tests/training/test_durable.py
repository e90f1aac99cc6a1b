# SPDX-License-Identifier: Apache-2.0
"""Files and folders that are old or new, never half."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from leadline.contracts.errors import StorageError
from leadline.rasters.atomic import sync
from leadline.training import durable
from leadline.training.durable import new_folder, recover, remove_folder, write_file


def fill(path: Path, text: str) -> None:
    with new_folder(path) as fresh:
        (fresh / "a").write_text(text)
        (fresh / "sub").mkdir()
        (fresh / "sub" / "b").write_text(text)


def content(path: Path) -> dict[str, str]:
    return {str(file.relative_to(path)): file.read_text() for file in path.rglob("*") if file.is_file()}


def test_write_file__replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_file(tmp_path / "x", b"old")
    write_file(tmp_path / "x", b"new")
    assert content(tmp_path) == {"x": "new"}


@pytest.mark.parametrize("system", ["exchanges", "renames"])
def test_new_folder__replaces_the_whole_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    if system == "renames":
        monkeypatch.setattr(durable, "_exchange", lambda *_: False)
    fill(tmp_path / "x", "old")
    (tmp_path / "x" / "stale").write_text("old")
    fill(tmp_path / "x", "new")
    assert content(tmp_path) == {"x/a": "new", "x/sub/b": "new"}


def test_new_folder__is_exchanged_in_one_call_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "x", "old")
    monkeypatch.setattr(os, "rename", lambda *_: pytest.fail("two renames instead of one exchange"))
    fill(tmp_path / "x", "new")
    assert content(tmp_path / "x")["a"] == "new"


def test_new_folder__syncs_every_file_and_folder_before_the_swap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    swap = durable._swap

    def noted_sync(path: Path) -> None:
        synced.append(path.name)
        sync(path)

    def noted_swap(fresh: Path, path: Path) -> None:
        synced.append("swap")
        swap(fresh, path)

    monkeypatch.setattr(durable, "sync", noted_sync)
    monkeypatch.setattr(durable, "_swap", noted_swap)
    fill(tmp_path / "x", "new")
    assert synced == ["a", "sub", "b", ".new-x", "swap", tmp_path.name]


def test_new_folder__whose_filling_fails_changes_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "x", "old")

    def fail(folder: Path) -> None:
        (folder / "a").write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "x") as fresh:
        fail(fresh)
    assert content(tmp_path) == {"x/a": "old", "x/sub/b": "old"}


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "may write to"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "check the disk"),
    ],
)
def test_failing_system_call__is_one_line_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    fill(tmp_path / "x", "old")

    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match=remedy) as folder_error:
        fill(tmp_path / "x", "new")
    with pytest.raises(StorageError, match=remedy) as file_error:
        write_file(tmp_path / "x" / "a", b"new")
    for error in (folder_error, file_error):
        assert "\n" not in str(error.value)
        assert str(tmp_path / "x") in str(error.value)
    monkeypatch.undo()
    assert content(tmp_path / "x")["a"] == "old"


def test_full_disk_while_writing_tensors__is_named_and_space_is_given_back(tmp_path: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
    try:
        with pytest.raises(StorageError, match="ulimit"), new_folder(tmp_path / "x") as fresh:
            save_file({"w": torch.zeros(100_000)}, fresh / "w.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert not list(tmp_path.iterdir())


def test_folder_without_fsync__is_no_error_but_a_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()

    def refuse(_: int) -> None:
        raise OSError(errno.EINVAL, "no fsync")

    monkeypatch.setattr(os, "fsync", refuse)
    sync(tmp_path)
    with pytest.raises(OSError, match="no fsync"):
        sync(tmp_path / "file")


def test_recover__puts_back_what_stepped_aside(tmp_path: Path) -> None:
    fill(tmp_path / ".old-x", "old")
    fill(tmp_path / ".new-x", "new")
    recover(tmp_path)
    assert content(tmp_path) == {"x/a": "old", "x/sub/b": "old"}


def test_recover__keeps_the_new_and_tidies_up(tmp_path: Path) -> None:
    fill(tmp_path / "x", "new")
    for leftover in (".old-x", ".new-y", ".gone-z"):
        fill(tmp_path / leftover, "junk")
    (tmp_path / ".new-config.toml").touch()
    (tmp_path / ".lock").touch()
    recover(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "x"]
    assert content(tmp_path / "x")["a"] == "new"


def test_remove_folder__leaves_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "x", "old")
    remove_folder(tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_remove_folder__never_leaves_part_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "x", "old")
    monkeypatch.setattr(os, "unlink", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    remove_folder(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_recover__clears_away_files_that_were_never_whole(tmp_path: Path) -> None:
    (tmp_path / ".config.1a2b3c4d.partial.toml").write_text("half")
    write_file(tmp_path / "config.toml", b"whole")
    recover(tmp_path)
    assert content(tmp_path) == {"config.toml": "whole"}
