# SPDX-License-Identifier: Apache-2.0
"""Which of KITTI's frames a split has: published lists, own lists, drives on disk."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError, UsageError
from leadline.data.kitti_drives import truth_below
from leadline.data.kitti_split import SplitSettings, frames_of_split
from tests.data.kitti_raw import DRIVES, kitti_raw, lines

EIGEN = SplitSettings(family="eigen_full", list_folder="", val_list="", val_fraction=0.5, eyes="pair")


def chosen(root: Path, split: str, listing: Path | None = None, settings: SplitSettings = EIGEN) -> list[str]:
    _, named = frames_of_split(split, listing, truth_below(root, "groundtruth"), settings=settings, root=root)
    return [f"{DRIVES.index(one.drive)}/{one.camera[-1]}/{one.number}" for _, one in named]


def written(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_split__all_is_every_pair_on_disk(tmp_path: Path) -> None:
    root = kitti_raw(tmp_path, (9, 10), pictures="raw")
    (root / f"raw/2011_09_26/{DRIVES[0]}/image_03/data/0000000009.png").unlink()
    assert chosen(root, "all") == ["0/2/10", "1/2/9", "1/2/10", "2/2/9", "2/2/10"]


def test_split__published_lists_by_family(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lists = tmp_path / "lists"
    written(lists, "eigen_full/train_files.txt", lines((0, 1, "l"), (0, 1, "r"), (2, 1, "r")))
    written(lists, "val_list.txt", lines((0, 2, "r")))
    written(lists, "train_list.txt", lines((2, 3, "l")))
    written(tmp_path, "test_list.txt", lines((1, 1, "l")))
    written(lists, "test_improved_list.txt", lines((1, 2, "l")))
    settings = replace(EIGEN, list_folder=str(lists))
    assert chosen(tmp_path, "train", settings=settings) == ["0/2/1", "2/2/1"]
    assert chosen(tmp_path, "val", settings=settings) == ["0/2/2"]
    tio = replace(settings, family="tio")
    assert chosen(tmp_path, "train", settings=tio) == ["2/2/3"]
    assert chosen(tmp_path, "val", settings=tio) == ["0/2/2"]
    assert chosen(tmp_path, "eigen", settings=settings) == ["1/2/1"]
    assert chosen(tmp_path, "improved", settings=settings) == ["1/2/2"]
    with pytest.raises(DataError, match="eigen_zhou/train, called"):
        chosen(tmp_path, "train", settings=replace(settings, family="eigen_zhou"))
    assert "trained on as well" not in caplog.text
    (lists / "val_list.txt").write_text(lines((0, 1, "l"), (0, 5, "l")))
    with caplog.at_level(logging.WARNING):
        chosen(tmp_path, "val", settings=settings)
    assert "1 of the 2 validation frames" in caplog.text


def test_split__val_needs_no_training_list(tmp_path: Path) -> None:
    written(tmp_path, "val_list.txt", lines((0, 2, "r")))
    assert chosen(tmp_path, "val") == ["0/2/2"]


def test_split__a_family_without_validation_list_is_divided_by_drives(tmp_path: Path) -> None:
    written(tmp_path, "train_all_left_list.txt", lines((0, 1, "l"), (0, 2, "l"), (2, 1, "l"), (2, 2, "l")))
    settings = replace(EIGEN, family="tio_all")
    parts = [set(chosen(tmp_path, split, settings=settings)) for split in ("train", "val")]
    assert not parts[0] & parts[1]
    assert sorted(len({name[0] for name in part}) for part in parts) == [1, 1]


def test_split__own_lists_are_taken_whole_or_divided(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = written(tmp_path, "own.txt", lines((0, 1, "r"), (0, 2, "l"), (1, 1, "l"), (1, 2, "l")))
    val = written(tmp_path, "ownval.txt", lines((2, 1, "l"), (0, 1, "l")))
    assert chosen(tmp_path, "all", own) == ["0/2/1", "0/2/2", "1/2/1", "1/2/2"]
    parts = [set(chosen(tmp_path, split, own)) for split in ("train", "val")]
    assert parts[0] | parts[1] == {"0/2/1", "0/2/2", "1/2/1", "1/2/2"}
    assert not parts[0] & parts[1]
    caplog.clear()
    settings = replace(EIGEN, val_list=str(val))
    with caplog.at_level(logging.WARNING):
        assert len(chosen(tmp_path, "train", own, settings)) == 4
        assert chosen(tmp_path, "val", own, settings) == ["2/2/1", "0/2/1"]
    assert "1 of the 2 drives of" in caplog.text
    assert "1 of the 2 validation frames" in caplog.text
    with pytest.raises(UsageError, match="val_list only beside a training list of your own"):
        chosen(tmp_path, "val", None, settings)


def test_split__listed_eyes_are_kept(tmp_path: Path) -> None:
    own = written(tmp_path, "own.txt", lines((0, 1, "r"), (0, 1, "l")))
    assert chosen(tmp_path, "all", own, replace(EIGEN, eyes="listed")) == ["0/3/1", "0/2/1"]


def test_split__without_lists_the_test_drives_stay_out(tmp_path: Path) -> None:
    root = kitti_raw(tmp_path, (1, 2))
    settings = replace(EIGEN, family="none")
    parts = [chosen(root, split, settings=settings) for split in ("train", "val")]
    assert sorted(parts[0] + parts[1]) == ["0/2/1", "0/2/2", "2/2/1", "2/2/2"]
    assert {len(part) for part in parts} == {2}
