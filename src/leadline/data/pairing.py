# SPDX-License-Identifier: Apache-2.0
"""A folder without a manifest goes in; picture, depth and mask files that belong together by their names come out."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, NamedTuple

from leadline.contracts.errors import DataError
from leadline.rasters.depth_files import RASTER_SUFFIXES
from leadline.rasters.images import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path, PurePath

logger = logging.getLogger(__name__)

_PICTURE_FOLDER = re.compile(r"(?:rgb|images?|imgs?|colou?rs?)", re.IGNORECASE)
_DEPTH_FOLDER = re.compile(r"(?:depths?|disp|disparity|disparities)(?:[_-]?maps?)?|gts?", re.IGNORECASE)
_DISPARITY_FOLDER = re.compile(r"(?:disp|disparity|disparities)(?:[_-]?maps?)?", re.IGNORECASE)
_MASK_FOLDER = re.compile(r"valid(?:ity)?[_-]?masks?", re.IGNORECASE)
_PICTURE_WORD = re.compile(r"^(?:rgb|image|img|colou?r)[._-]+|[._-]+(?:rgb|image|img|colou?rs?)$", re.IGNORECASE)
_DEPTH_WORD = re.compile(r"^(?:sync_)?depth[._-]+|[._-]+depth$", re.IGNORECASE)


class Pair(NamedTuple):
    """Files that belong together; ``mask`` is None where none lies beside."""

    picture: Path
    depth: Path
    mask: Path | None


def pair_by_name(root: Path) -> list[Pair]:
    """Find pictures, their depth and perhaps their validity masks below ``root``, sorted by picture.

    A file of a kind that can hold depth is depth when it lies, however deep, in a folder called depth, depths or depth_map,
    disparity, disp or gts (as in HR-WSI), or its name starts or ends with the word depth, set off by ``.``, ``_`` or ``-``;
    it is a mask in a folder called valid_masks; every other picture file is a picture, a JPEG in a depth folder too.  Other
    files, and hidden ones, are passed over.  Files belong together when their paths agree after folder names such as rgb,
    image, color, depth, name parts such as ``rgb_``, ``.color``, ``_depth`` and endings are taken away: ``a/rgb/7.jpg`` with
    ``a/depth/7.png``, ``f1.color.jpg`` with ``f1.depth.png``, ``rgb_3.jpg`` with ``sync_depth_3.png``.  Pictures and depth
    files without a partner are left out and counted in a warning.

    Raises:
        DataError: two files claim the same place (both are named).
    """
    pictures: dict[tuple[str, ...], Path] = {}
    depths: dict[tuple[str, ...], Path] = {}
    masks: dict[tuple[str, ...], Path] = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        is_hidden = any(part.startswith(".") for part in relative.parts)
        if is_hidden or path.suffix.lower() not in IMAGE_SUFFIXES | RASTER_SUFFIXES or not path.is_file():
            continue
        if any(_MASK_FOLDER.fullmatch(part) for part in relative.parts[:-1]):
            _claim(masks, _name_of(relative, _MASK_FOLDER, _PICTURE_WORD), path)
        elif _is_depth(relative):
            _claim(depths, _name_of(relative, _DEPTH_FOLDER, _DEPTH_WORD), path)
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            _claim(pictures, _name_of(relative, _PICTURE_FOLDER, _PICTURE_WORD), path)
    both = pictures.keys() & depths.keys()
    alone = [group[key] for group in (pictures, depths) for key in sorted(group.keys() - both)]
    if alone:
        logger.warning("%d files below %s have no partner and are left out, the first is %s", len(alone), root, alone[0])
    return sorted(Pair(pictures[key], depths[key], masks.get(key)) for key in both)


def is_called_disparity(relative: PurePath) -> bool:
    """Whether a raster lies in a folder whose name says disparity.

    >>> from pathlib import PurePath
    >>> is_called_disparity(PurePath("a/disparity/7.png")), is_called_disparity(PurePath("a/depth/7.png"))
    (True, False)
    """
    return any(_DISPARITY_FOLDER.fullmatch(part) for part in relative.parts[:-1])


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
