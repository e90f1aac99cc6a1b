# SPDX-License-Identifier: Apache-2.0
"""Files and folders named by a user."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.inference.inputs import collect_inputs


def plant(root: Path, *names: str) -> list[Path]:
    """Empty files; their content is nobody's business here."""
    paths = [root / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


def stems(*paths: Path) -> list[str]:
    return [one.stem.as_posix() for one in collect_inputs(paths).pictures]


def test_collect__a_folder_is_searched_sorted_and_mirrored(tmp_path: Path) -> None:
    plant(tmp_path, "b.jpg", "a.PNG", "sub/deep/c.webp", "sub/a.jpeg")
    found = collect_inputs([tmp_path])
    assert [one.stem.as_posix() for one in found.pictures] == ["a", "b", "sub/a", "sub/deep/c"]
    assert [one.path for one in found.pictures] == sorted(one.path for one in found.pictures)


def test_collect__counts_what_it_ignores(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", "notes.txt", "sub/depth.npy", ".hidden.jpg", ".git/b.jpg")
    found = collect_inputs([tmp_path])
    assert len(found.pictures) == 1
    assert found.ignored == 2


def test_collect__files_keep_their_order_and_their_bare_names(tmp_path: Path) -> None:
    second, first = plant(tmp_path, "x/2.jpg", "y/1.jpg")
    assert stems(second, first) == ["2", "1"]


def test_collect__equal_names_from_different_folders_get_their_folders(tmp_path: Path) -> None:
    one, two, other = plant(tmp_path, "x/1.jpg", "y/1.jpg", "y/2.jpg")
    assert stems(one, two, other) == ["x/1", "y/1", "2"]


def test_collect__two_folders_with_equal_names_do_not_meet(tmp_path: Path) -> None:
    plant(tmp_path, "x/s/1.jpg", "y/s/1.jpg", "y/s/2.jpg")
    assert stems(tmp_path / "x", tmp_path / "y") == ["x/s/1", "y/s/1", "s/2"]


def test_collect__equal_names_that_differ_in_suffix_keep_it(tmp_path: Path) -> None:
    plant(tmp_path, "1.jpg", "1.png", "2.jpg")
    assert stems(tmp_path) == ["1.jpg", "1.png", "2"]


def test_collect__no_stem_is_ever_given_twice(tmp_path: Path) -> None:
    plant(tmp_path, "1.jpg", "1.png", "1.jpg.png", "1.jpg.jpg", "a/1.jpg", "a/1/1.jpg", "1/1.png", "1/1.jpg")
    given = stems(tmp_path, tmp_path / "a", tmp_path / "a" / "1" / "1.jpg", tmp_path / "1")
    assert len(set(given)) == len(given) == 8


def test_collect__a_file_named_twice_is_predicted_once(tmp_path: Path) -> None:
    plant(tmp_path, "x/1.jpg")
    assert stems(tmp_path / "x" / "1.jpg", tmp_path, tmp_path / "x" / ".." / "x" / "1.jpg") == ["1"]


def test_collect__dots_in_names_survive(tmp_path: Path) -> None:
    plant(tmp_path, "frame.001.jpg", "frame.002.jpg")
    assert stems(tmp_path) == ["frame.001", "frame.002"]


def test_collect__relative_paths_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "in/1.jpg")
    monkeypatch.chdir(tmp_path)
    assert stems(Path("in")) == ["1"]
    assert stems(Path("in/1.jpg")) == ["1"]


def test_collect__refuses_what_is_missing_no_picture_or_empty(tmp_path: Path) -> None:
    plant(tmp_path, "a/notes.txt")
    for paths, said in (
        ([tmp_path / "missing.jpg"], "does not exist; check the path"),
        ([tmp_path / "a" / "notes.txt"], "notes.txt; turn it into one"),
        ([tmp_path / "a"], "none in"),
        ([], "empty list"),
    ):
        with pytest.raises(DataError, match=said):
            collect_inputs(paths)


@pytest.mark.parametrize("name", ["a" * 300, "a" * 300 + ".png", "a\0b.png", "\ud800.png"])
def test_collect__a_name_that_cannot_be_does_not_exist(name: str) -> None:
    with pytest.raises(DataError, match="does not exist"):
        collect_inputs([name])
