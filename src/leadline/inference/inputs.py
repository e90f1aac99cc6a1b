# SPDX-License-Identifier: Apache-2.0
"""Files and folders named by a user enter; the pictures among them leave, each with a place of its own for its results."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError
from leadline.contracts.paths import exists, is_file, is_folder
from leadline.rasters.images import IMAGE_SUFFIXES, list_images

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class InputPicture:
    """One picture to predict.

    Attributes:
        path: the file.
        stem: where its results go, relative to the output folder and without suffix, e.g. ``kitchen/0001``.
    """

    path: Path
    stem: PurePath


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """What was found.

    Attributes:
        pictures: in the order given, folders sorted by path; no file twice, no stem twice.
        ignored: files in the folders that are no pictures by their suffix.
    """

    pictures: tuple[InputPicture, ...]
    ignored: int


def collect_inputs(paths: Sequence[str | Path]) -> Inputs:
    """All pictures that ``paths`` name.

    A file given by itself has its bare name as stem; a picture found in a folder keeps its sub-folders, so that the output
    mirrors the input.  Where two pictures would share a stem (``a/1.jpg`` and ``b/1.jpg``, or ``1.jpg`` and ``1.png``), both
    take their path below the nearest common folder instead, and if that still is not enough, their suffix too.

    Args:
        paths: picture files and folders; folders are searched recursively, hidden files left out.

    Raises:
        DataError: a path does not exist, a file given is no picture by its suffix, or nothing was found.
    """
    found: dict[Path, PurePath] = {}
    ignored = 0
    for path in map(Path, paths):
        _refuse_no_picture(path)
        pictures = list_images(path) if path.is_dir() else [path]
        for picture in pictures:
            inside = picture.relative_to(path) if path.is_dir() else Path(picture.name)
            found.setdefault(_absolute(picture), inside)
        ignored += _visible_files(path) - len(pictures) if path.is_dir() else 0
    if not found:
        raise DataError(
            expected=f"pictures ({', '.join(sorted(IMAGE_SUFFIXES))})",
            got=f"none in {', '.join(map(str, paths)) or 'an empty list'}",
            remedy="name a picture or a folder that holds some",
        )
    stems = _distinct_stems(found)
    return Inputs(pictures=tuple(InputPicture(path=path, stem=stems[path]) for path in found), ignored=ignored)


def _refuse_no_picture(path: Path) -> None:
    if is_folder(path) or (is_file(path) and path.suffix.lower() in IMAGE_SUFFIXES):
        return
    raise DataError(
        expected=f"a folder or a picture ({', '.join(sorted(IMAGE_SUFFIXES))})",
        got=f"{path}" if exists(path) else f"{path}, which does not exist",
        remedy="turn it into one of these first" if exists(path) else "check the path",
    )


def _absolute(path: Path) -> Path:
    """Without following links: two links to one picture are two inputs with two names."""
    return Path(os.path.abspath(path))  # noqa: PTH100  (Path.absolute keeps "..")


def _visible_files(folder: Path) -> int:
    files = (path.relative_to(folder).parts for path in folder.rglob("*") if path.is_file())
    return sum(not any(part.startswith(".") for part in parts) for parts in files)


def _distinct_stems(found: dict[Path, PurePath]) -> dict[Path, PurePath]:
    """The shortest of three names that no other picture could have; the third, the path itself, is always its own."""
    common = Path(os.path.commonpath([path.parent for path in found]))
    names = {
        path: (inside.with_suffix(""), path.relative_to(common).with_suffix(""), path.relative_to(common))
        for path, inside in found.items()
    }
    claims = Counter(name for three in names.values() for name in set(three))
    return {path: next((name for name in three if claims[name] == 1), three[-1]) for path, three in names.items()}
