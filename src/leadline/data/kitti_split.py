# SPDX-License-Identifier: Apache-2.0
"""A split of KITTI's raw frames and whose lists make it go in; its frames come out, each with its place in the list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from leadline.contracts.errors import DataError, require
from leadline.data.hold_out import hold_out
from leadline.data.kitti_drives import KittiFrame, KittiPlaces, read_frame_list
from leadline.data.kitti_lists import (
    EIGEN_TEST_DRIVES,
    LISTS,
    as_pairs,
    find_list,
    read_known_list,
    warn_of_shared,
    warn_of_test_drives,
)

Named: TypeAlias = "list[tuple[str, KittiFrame]]"
Family: TypeAlias = Literal["eigen_full", "eigen_zhou", "benchmark", "tio", "tio_all", "none"]
Eyes: TypeAlias = Literal["pair", "listed"]
SPLITS = ("all", "train", "val", "eigen", "improved")
"""``eigen``: the 697 frames of Eigen's test list; ``improved``: the 652 of them that have annotated depth."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitSettings:
    """How frames are chosen.

    Attributes:
        family: whose training and validation lists; ``none``: every drive on disk but those of Eigen's test list.
        list_folder: a folder to look for lists in before the root; empty: the root alone.
        val_list: the list of split ``val`` beside a training list of the user's own; empty: held out of that.
        val_fraction: the share held out, in whole drives, where there is no validation list.
        eyes: ``pair``: left frames, each once; ``listed``: left and right frames as their lines say.
    """

    family: Family
    list_folder: str
    val_list: str
    val_fraction: float
    eyes: Eyes


def frames_of_split(
    split: str, listing: Path | None, places: KittiPlaces, *, settings: SplitSettings, root: Path
) -> tuple[object, Named]:
    """Where the frames of a split are listed, and each frame with its place there.

    Raises:
        UsageError: a validation list without a training list, or with a published one.
        DataError: a list that is missing or broken.
    """
    wanted = "val_list only beside a training list of your own"
    require(not settings.val_list or listing is not None, wanted, settings.val_list, "name the training list (--listing)")
    folders = ([Path(settings.list_folder)] if settings.list_folder else []) + [root]
    if split in LISTS:
        path = listing or find_list(split, folders)
        return path, _eyes(read_known_list(split, path), settings)
    if split == "all" and listing is None:
        return root, _on_disk(places)
    if split == "all" and listing is not None:
        return listing, _eyes(read_frame_list(listing), settings)
    if listing is None and f"{settings.family}/val" in LISTS:
        return _published(split, folders, settings)
    if listing is not None and settings.val_list:
        train, val = ((path, _eyes(read_frame_list(path), settings)) for path in (listing, Path(settings.val_list)))
        return _chosen(split, train, val)
    if listing is not None:
        where, frames = listing, _eyes(read_frame_list(listing), settings)
    elif settings.family == "none":
        where, frames = root, [(place, one) for place, one in _on_disk(places) if one.drive not in EIGEN_TEST_DRIVES]
    else:
        name = f"{settings.family}/train"
        where = find_list(name, folders)
        frames = _eyes(read_known_list(name, where), settings)
    kept, held = hold_out([frame.drive for _, frame in frames], fraction=settings.val_fraction)
    return _chosen(split, (where, [frames[index] for index in kept]), (where, [frames[index] for index in held]))


def _published(split: str, folders: list[Path], settings: SplitSettings) -> tuple[object, Named]:
    """One of a family's two lists; with the validation list the other is read too, where it is, for frames in both."""
    name = f"{settings.family}/{split}"
    path = find_list(name, folders)
    frames = _eyes(read_known_list(name, path), settings)
    if split == "train":
        return _chosen(split, (path, frames), (path, []))
    try:
        train_path = find_list(f"{settings.family}/train", folders)
    except DataError:
        return path, frames
    return _chosen(split, (train_path, _eyes(read_frame_list(train_path), settings)), (path, frames))


def _chosen(split: str, train: tuple[Path, Named], val: tuple[Path, Named]) -> tuple[object, Named]:
    if split == "train":
        warn_of_test_drives((frame for _, frame in train[1]), train[0])
        return train
    warn_of_shared((frame for _, frame in val[1]), (frame for _, frame in train[1]), val[0])
    return val


def _eyes(named: Named, settings: SplitSettings) -> Named:
    return as_pairs(named) if settings.eyes == "pair" else named


def _on_disk(places: KittiPlaces) -> Named:
    """Every left frame that has a right one, by drive and number."""
    frames = []
    for left in sorted(places.pictures.glob("????_??_??/*_sync/image_02/data")):
        drive = left.parent.parent
        numbers = [
            {int(path.stem) for path in folder.glob("*.*") if path.stem.isdigit()}
            for folder in (left, drive / "image_03" / "data")
        ]
        frames += [KittiFrame(drive.parent.name, drive.name, "image_02", one) for one in sorted(numbers[0] & numbers[1])]
    return [(frame.key, frame) for frame in frames]
