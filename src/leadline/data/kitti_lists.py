# SPDX-License-Identifier: Apache-2.0
"""The published lists of KITTI's raw frames: a name and folders go in; the frames come out, and what is odd about them.

Counts and checksums are those of the lists of monodepth2 and TiO-Depth.  A checksum is the SHA-256 of the sorted lines
``drive frame l|r``, frames without leading zeros, so neither order nor spelling changes it.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError
from leadline.data.kitti_drives import KittiFrame, read_frame_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KnownList:
    """A published list: what its file is called, how many lines it has, the start of its checksum where it is known."""

    names: tuple[str, ...]
    lines: int
    checksum: str = ""


_EIGEN_VAL = KnownList(("eigen_full/val_files.txt", "val_list.txt"), 1776, "936048dc24657cd5")
LISTS: dict[str, KnownList] = {
    "eigen": KnownList(("eigen/test_files.txt", "test_list.txt"), 697, "b27b27b80326656d"),
    "improved": KnownList(("eigen_benchmark/test_files.txt", "test_improved_list.txt"), 652, "f48b5a2680eac35a"),
    "eigen_full/train": KnownList(("eigen_full/train_files.txt", "train_full_list.txt"), 45200, "6c3fd3134388e7e8"),
    "eigen_full/val": _EIGEN_VAL,
    "eigen_zhou/train": KnownList(("eigen_zhou/train_files.txt", "train_zhou_list.txt"), 39810, "9bdbe560867c2def"),
    "eigen_zhou/val": KnownList(("eigen_zhou/val_files.txt", "val_zhou_list.txt"), 4424, "4196ba0b3bbdebc2"),
    "benchmark/train": KnownList(("benchmark/train_files.txt",), 72084),
    "benchmark/val": KnownList(("benchmark/val_files.txt",), 6060),
    "tio/train": KnownList(("train_list.txt",), 22600, "5c2b1f38519ac8e2"),
    "tio/val": _EIGEN_VAL,
    "tio_all/train": KnownList(("train_all_left_list.txt",), 28968, "4db49ea6d63f6b30"),
}
"""``tio_all`` trains for tests on KITTI 2015 and has no validation list: 667 lines of Eigen's are among its own."""

_FOLDERS = ("", "splits", "data_splits/kitti")
_EIGEN_TEST = {
    "2011_09_26": (2, 9, 13, 20, 23, 27, 29, 36, 46, 48, 52, 56, 59, 64, 84, 86, 93, 96, 101, 106, 117),
    "2011_09_28": (2,),
    "2011_09_29": (71,),
    "2011_09_30": (16, 18, 27),
    "2011_10_03": (27, 47),
}
EIGEN_TEST_DRIVES = frozenset(f"{date}_drive_{drive:04d}_sync" for date, drives in _EIGEN_TEST.items() for drive in drives)
"""The 28 drives that Eigen's test frames come from (Eigen et al. 2014, sec. 4.1)."""


def find_list(name: str, folders: Iterable[Path]) -> Path:
    """A published list, plain or gzipped, in one of ``folders`` or where the references keep their lists below it.

    Raises:
        DataError: it is in none of them; what was looked for is named.
    """
    known, searched = LISTS[name], list(folders)
    for folder in searched:
        for below in _FOLDERS:
            for file in known.names:
                for path in (folder / below / file, folder / below / f"{file}.gz"):
                    if path.is_file():
                        return path
    raise DataError(
        expected=f"KITTI's list {name}, called {' or '.join(known.names)}",
        got=f"none in {', '.join(map(str, searched))}",
        remedy="copy it there, name its folder with the option list_folder, or a list of your own with --listing",
    )


def read_known_list(name: str, path: Path) -> list[tuple[str, KittiFrame]]:
    """The frames of a published list with the line of each; a list that is not the published one is warned of.

    Raises:
        DataError: as ``read_frame_list``.
    """
    frames, known = read_frame_list(path), LISTS[name]
    if len(frames) != known.lines:
        logger.warning("%s has %d lines, the published list %s has %d", path, len(frames), name, known.lines)
    elif known.checksum and checksum(frame for _, frame in frames) != known.checksum:
        logger.warning("%s has as many lines as the published list %s, but other frames", path, name)
    return frames


def checksum(frames: Iterable[KittiFrame]) -> str:
    """The first 16 digits of a list's checksum, see above."""
    lines = {f"{frame.drive} {frame.number} {'l' if frame.camera == 'image_02' else 'r'}" for frame in frames}
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def as_pairs(named: Sequence[tuple[str, KittiFrame]]) -> list[tuple[str, KittiFrame]]:
    """The left frame of every pair once, at the place of the first line that names one of its eyes."""
    pairs: dict[KittiFrame, str] = {}
    for place, frame in named:
        pairs.setdefault(replace(frame, camera="image_02"), place)
    if len(pairs) < len(named):
        logger.info("%d lines name %d pairs: a line r stands for the same pair as its line l", len(named), len(pairs))
    return [(place, frame) for frame, place in pairs.items()]


def warn_of_test_drives(frames: Iterable[KittiFrame], where: object) -> None:
    """Say so where frames that are trained on come from the drives of Eigen's test list."""
    drives = {frame.drive for frame in frames}
    tested = len(drives & EIGEN_TEST_DRIVES)
    if tested:
        logger.warning(
            "%d of the %d drives of %s are scenes of Eigen's test list: never score a model trained on them there",
            tested,
            len(drives),
            where,
        )


def warn_of_shared(held: Iterable[KittiFrame], trained: Iterable[KittiFrame], where: object) -> None:
    """Say so where validation frames are trained on as well, be it as the other eye of the same pair."""
    seen, validated = set(trained), list(held)
    shared = sum(frame in seen for frame in validated)
    if shared:
        logger.warning("%d of the %d validation frames of %s are trained on as well", shared, len(validated), where)
