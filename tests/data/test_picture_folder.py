# SPDX-License-Identifier: Apache-2.0
"""Pictures of a folder are found, sorted; everything else is counted once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.data.picture_folder import find_pictures, say_what_is_ignored
from leadline.rasters.images import list_images


def written(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def test_find_pictures__has_the_order_of_list_images(tmp_path: Path) -> None:
    written(tmp_path, "b.png", "a/2.jpg", "a/1.JPG", "a-b/3.png", "a/c/4.png", "Z.gif", ".hidden/5.png", ".6.png", "a/7.txt")
    found = find_pictures(tmp_path)
    assert list(found.names) == [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert list(found.names) == ["Z.gif", "a/1.JPG", "a/2.jpg", "a/c/4.png", "a-b/3.png", "b.png"]
    assert (found.others, found.first_other) == (1, "a/7.txt")


def test_say_what_is_ignored__counts_once_or_is_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    written(tmp_path, "a.png", "notes.txt", "b/more.txt", ".DS_Store")
    say_what_is_ignored(tmp_path, find_pictures(tmp_path))
    assert [record.getMessage() for record in caplog.records] == [
        f"2 files below {tmp_path} are no pictures by their ending and are ignored, the first is b/more.txt"
    ]
    caplog.clear()
    (tmp_path / "notes.txt").unlink()
    (tmp_path / "b" / "more.txt").unlink()
    with caplog.at_level(logging.DEBUG):
        say_what_is_ignored(tmp_path, find_pictures(tmp_path))
    assert not caplog.records


def test_find_pictures__refuses_what_is_no_folder(tmp_path: Path) -> None:
    written(tmp_path, "a.png")
    for name in ("gone", "a.png"):
        with pytest.raises(DataError, match=f"a folder of pictures; got .*{name}"):
            find_pictures(tmp_path / name)
