# SPDX-License-Identifier: Apache-2.0
"""A folder of left and right pictures goes in; the files of each pair, and its disparity raster, come out."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, NamedTuple

from leadline.contracts.errors import DataError
from leadline.data.nyu_list import read_text
from leadline.rasters.depth_files import RASTER_SUFFIXES
from leadline.rasters.images import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path, PurePath

logger = logging.getLogger(__name__)

_SIDES = ("left", "right")
_FOLDERS = {
    "left": re.compile(r"(?:images?_)?(?:left|l)(?:_images?)?|image_0?2|cam(?:era)?_?left", re.IGNORECASE),
    "right": re.compile(r"(?:images?_)?(?:right|r)(?:_images?)?|image_0?3|cam(?:era)?_?right", re.IGNORECASE),
}
_WORDS = {
    "left": re.compile(r"(?:^|[._-])(?:left|l)$|^left[._-]", re.IGNORECASE),
    "right": re.compile(r"(?:^|[._-])(?:right|r)$|^right[._-]", re.IGNORECASE),
}
_DISPARITY_FOLDER = re.compile(r"disp(?:arity|arities)?(?:_(?:occ_0|left))?", re.IGNORECASE)
_DISPARITY_WORD = re.compile(r"(?:^|[._-])disp(?:arity)?$|^disp(?:arity)?[._-]", re.IGNORECASE)


class SidePair(NamedTuple):
    """Files that belong together: ``name`` is what they have in common, ``disparity`` is None where none lies beside."""

    name: str
    left: Path
    right: Path
    disparity: Path | None


def pairs_by_side(root: Path) -> list[SidePair]:
    """Find the pairs below ``root``, sorted by name.

    A picture is left or right by the folder it lies in (left, right; image_2, image_3; image_left, image_right; L, R), or
    else by its own name (left.png, 7_L.png, 7-right.png, left_7.png).  A raster in a folder disparity, disp or disp_occ_0,
    or with that word in its name, is the disparity of the left picture.  Files belong together when their paths agree after
    these words and endings are taken away.  Pictures without a partner are left out and counted in a warning; hidden files
    and those of no side are passed over.

    Raises:
        DataError: two files claim the same place (both are named).
    """
    found: dict[str, dict[tuple[str, ...], Path]] = {"left": {}, "right": {}, "disparity": {}}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if (
            any(part.startswith(".") for part in relative.parts)
            or path.suffix.lower() not in IMAGE_SUFFIXES | RASTER_SUFFIXES
        ):
            continue
        role, name = _role_of(relative)
        if role and path.is_file():
            if name in found[role]:
                raise DataError(
                    expected=f"one {role} file for each pair",
                    got=f"{found[role][name]} and {path}",
                    remedy="remove one, or name the pairs in a list (--listing), 'left right [disparity]' on each line",
                )
            found[role][name] = path
    left, right, disparities = found["left"], found["right"], found["disparity"]
    both = sorted(left.keys() & right.keys())
    alone = [side[name] for side in (left, right) for name in sorted(side.keys() - set(both))]
    if alone:
        logger.warning("%d pictures below %s have no partner and are left out, the first is %s", len(alone), root, alone[0])
    return [
        SidePair("/".join(filter(None, name)) or "pair", left[name], right[name], disparities.get(name)) for name in both
    ]


def listed_pairs(listing: Path, root: Path) -> list[tuple[str, SidePair]]:
    """The pairs of a list with the line of each, ``left right`` or ``left right disparity``, paths relative to ``root``.

    Raises:
        DataError: unreadable, a line of another number of paths (with its number), no lines, a left picture twice.
    """
    pairs: list[tuple[str, SidePair]] = []
    seen: set[str] = set()
    for number, line in enumerate(read_text(listing).splitlines(), start=1):
        words = [word.lstrip("/") for word in line.split()]
        if not words:
            continue
        if len(words) not in {2, 3} or words[0] in seen:
            raise DataError(
                expected="'left right' or 'left right disparity' on each line, each left picture once",
                got=f"line {number} of {listing}: {line.strip()[:100]!r}",
                remedy="mend or remove the line",
            )
        seen.add(words[0])
        disparity = root / words[2] if len(words) == 3 else None
        pairs.append((f"line {number}", SidePair(words[0], root / words[0], root / words[1], disparity)))
    if not pairs:
        raise DataError(
            expected="at least one pair", got=f"{listing} without lines", remedy="check that it is the right list"
        )
    return pairs


def _role_of(relative: PurePath) -> tuple[str, tuple[str, ...]]:
    """``left``, ``right``, ``disparity`` or nothing, and what the path has in common with those of its pair."""
    folders, stem = relative.parts[:-1], relative.stem
    is_disparity = any(_DISPARITY_FOLDER.fullmatch(part) for part in folders) or bool(_DISPARITY_WORD.search(stem))
    common = [part for part in folders if not _DISPARITY_FOLDER.fullmatch(part)]
    stem = _DISPARITY_WORD.sub("", stem)
    by_folder = next((side for side in _SIDES for part in common if _FOLDERS[side].fullmatch(part)), "")
    side = by_folder or next((side for side in _SIDES if _WORDS[side].search(stem)), "")
    if side:
        common = [part for part in common if not _FOLDERS[side].fullmatch(part)]
        for word in _WORDS.values() if by_folder else (_WORDS[side],):  # left/girl_l.png may belong to right/girl_l.png
            stem = word.sub("", stem)
    is_raster = relative.suffix.lower() in RASTER_SUFFIXES
    if is_disparity:
        return ("disparity" if side != "right" and is_raster else ""), (*common, stem)
    return (side if relative.suffix.lower() in IMAGE_SUFFIXES else ""), (*common, stem)
