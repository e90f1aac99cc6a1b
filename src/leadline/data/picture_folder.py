# SPDX-License-Identifier: Apache-2.0
"""A folder enters; its pictures, sorted, and what else lies there, counted, leave."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from leadline.contracts.errors import DataError
from leadline.rasters.images import IMAGE_SUFFIXES

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FoundPictures:
    """What a folder holds.

    Attributes:
        names: the pictures' paths below the folder, parts joined by ``/``, sorted part by part.
        others: how many visible files are no pictures by their ending.
        first_other: the first of these by name, or None.
    """

    names: tuple[str, ...]
    others: int
    first_other: str | None


def find_pictures(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> FoundPictures:
    """Go through ``folder`` and all folders below it, hidden files and folders left out, without opening any file.

    Raises:
        DataError: ``folder`` is no folder, or one below it cannot be listed.
    """
    pictures: list[tuple[str, ...]] = []
    others: list[str] = []
    try:
        for place, folders, files in os.walk(folder, onerror=_raise):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            parts = () if place == str(folder) else Path(place).relative_to(folder).parts
            for name in files:
                if name.startswith("."):
                    continue
                if os.path.splitext(name)[1].lower() in suffixes:  # noqa: PTH122 (a Path per file takes four times as long)
                    pictures.append((*parts, name))
                else:
                    others.append("/".join((*parts, name)))
    except OSError as error:
        raise DataError(
            expected="a folder of pictures",
            got=f"{error.filename or folder} ({error.strerror or error})",
            remedy="check the path",
        ) from error
    pictures.sort()
    return FoundPictures(tuple("/".join(parts) for parts in pictures), len(others), min(others, default=None))


def say_what_is_ignored(folder: Path, found: FoundPictures) -> None:
    """One message that counts the files of a folder which are no pictures; none where there are none."""
    if found.others:
        logger.warning(
            "%d files below %s are no pictures by their ending and are ignored, the first is %s",
            found.others,
            folder,
            found.first_other,
        )


def _raise(error: OSError) -> None:
    raise error
