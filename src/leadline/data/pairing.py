# SPDX-License-Identifier: Apache-2.0
"""A folder without a manifest goes in; picture and depth files that belong together by their names come out."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError
from leadline.rasters.depth_files import RASTER_SUFFIXES
from leadline.rasters.images import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path, PurePath

logger = logging.getLogger(__name__)

_PICTURE_FOLDER = re.compile(r"(?:rgb|images?|img|colou?rs?)", re.IGNORECASE)
_DEPTH_FOLDER = re.compile(r"depths?(?:[_-]?maps?)?", re.IGNORECASE)
_PICTURE_WORD = re.compile(r"^(?:rgb|image|img|colou?r)[._-]+|[._-]+(?:rgb|image|img|colou?rs?)$", re.IGNORECASE)
_DEPTH_WORD = re.compile(r"^(?:sync_)?depth[._-]+|[._-]+depth$", re.IGNORECASE)


def pair_by_name(root: Path) -> list[tuple[Path, Path]]:
    """Find (picture, depth) files below ``root``, sorted by picture.

    A file of a kind that can hold depth is depth when it lies, however deep, in a folder called depth, depths or depth_map,
    or its name starts or ends with the word depth, set off by ``.``, ``_`` or ``-``; every other picture file is a picture,
    a JPEG in a depth folder too.  Other files, and hidden ones, are passed over.  Two files belong together when their
    paths agree after folder names such as rgb, image, color, depth, name parts such as ``rgb_``, ``.color``, ``_depth`` and
    endings are taken away: ``a/rgb/7.jpg`` with ``a/depth/7.png``, ``f1.color.jpg`` with ``f1.depth.png``, ``rgb_3.jpg``
    with ``sync_depth_3.png``.  Pictures and depth files without a partner are left out and counted in a warning.

    Raises:
        DataError: two files claim the same place (both are named).
    """
    pictures: dict[tuple[str, ...], Path] = {}
    depths: dict[tuple[str, ...], Path] = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        is_hidden = any(part.startswith(".") for part in relative.parts)
        if is_hidden or path.suffix.lower() not in IMAGE_SUFFIXES | RASTER_SUFFIXES or not path.is_file():
            continue
        if _is_depth(relative):
            _claim(depths, _name_of(relative, _DEPTH_FOLDER, _DEPTH_WORD), path)
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            _claim(pictures, _name_of(relative, _PICTURE_FOLDER, _PICTURE_WORD), path)
    both = pictures.keys() & depths.keys()
    alone = [group[key] for group in (pictures, depths) for key in sorted(group.keys() - both)]
    if alone:
        logger.warning("%d files below %s have no partner and are left out, the first is %s", len(alone), root, alone[0])
    return sorted((pictures[key], depths[key]) for key in both)


def _is_depth(relative: PurePath) -> bool:
    in_folder = any(_DEPTH_FOLDER.fullmatch(part) for part in relative.parts[:-1])
    return relative.suffix.lower() in RASTER_SUFFIXES and (in_folder or _DEPTH_WORD.search(relative.stem) is not None)


def _name_of(relative: PurePath, folder: re.Pattern[str], word: re.Pattern[str]) -> tuple[str, ...]:
    return (*(part for part in relative.parts[:-1] if not folder.fullmatch(part)), word.sub("", relative.stem))


def _claim(group: dict[tuple[str, ...], Path], name: tuple[str, ...], path: Path) -> None:
    if name in group:
        raise DataError(
            expected="one picture and one depth file per name",
            got=f"{group[name]} and {path}",
            remedy="remove one, or write a manifest.jsonl that says which belongs to which",
        )
    group[name] = path
