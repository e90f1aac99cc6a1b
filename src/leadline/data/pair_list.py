# SPDX-License-Identifier: Apache-2.0
"""An official list of pairs with its author's own folders in front goes in; rows relative to the dataset's root come out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError
from leadline.data.nyu_list import ListedPair, read_pairs

if TYPE_CHECKING:
    import re
    from pathlib import Path


def read_official_pairs(path: Path, *, first_folder: re.Pattern[str], example: str) -> list[ListedPair]:
    """Read ``picture depth`` per line, as Depth Anything V2 lists them, and cut whatever stands before the scene's folder.

    Args:
        path: the list; gzipped where its name ends in ``.gz``.
        first_folder: matches the name of a scene's folder, the first part that counts.
        example: such a name, for the message.

    Raises:
        DataError: as ``read_pairs``; a path without such a folder, or with ``..`` behind it (the line is named).
    """
    rows = read_pairs(path)
    return [
        replace(
            row,
            image=_cut(row.image, first_folder, f"line {row.line} of {path}", example),
            depth=_cut(row.depth, first_folder, f"line {row.line} of {path}", example),
        )
        for row in rows
    ]


def _cut(listed: str, first_folder: re.Pattern[str], place: str, example: str) -> str:
    parts = listed.split("/")
    first = next((number for number, part in enumerate(parts) if first_folder.fullmatch(part)), None)
    if first is None or ".." in parts[first:]:
        raise DataError(
            expected=f"paths with a scene's folder, such as {example}, in them",
            got=f"{listed!r} in {place}",
            remedy="check that this list belongs to the dataset",
        )
    return "/".join(parts[first:])
