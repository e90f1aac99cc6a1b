# SPDX-License-Identifier: Apache-2.0
"""A list of picture-depth pairs goes in, as CSV or as the text lists of BTS and ZoeDepth; numbered rows come out."""

from __future__ import annotations

import csv
import gzip
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEADER_WORDS = frozenset({"image", "rgb", "depth", "color", "img", "image_path", "rgb_path", "depth_path", "filename"})


@dataclass(frozen=True, slots=True)
class ListedPair:
    """One row: line number (from 1), paths of picture and depth relative to the root, never starting with a slash."""

    line: int
    image: str
    depth: str


def read_pairs(path: Path) -> list[ListedPair]:
    """Read a list of pairs.

    ``*.csv``: two columns, picture and depth, quoted or not, with or without the header ``image,depth``, any line end.
    Anything else: ``rgb depth [focal]`` separated by white space.  Both may be gzipped (``.gz``).
    A leading slash is dropped, so that joining cannot lose the root.

    Raises:
        DataError: unreadable file, a row with another number of columns or an empty cell (with its line number), no rows.
    """
    lines = read_text(path).splitlines()
    is_csv = path.name.removesuffix(".gz").lower().endswith(".csv")
    rows = _csv_rows(lines, path) if is_csv else _text_rows(lines)
    pairs = [_pair(path, number, cells, columns=(2,) if is_csv else (2, 3)) for number, cells in rows]
    if not pairs:
        raise DataError(
            expected="at least one row 'image,depth'", got=f"{path} without rows", remedy="check that this is the right list"
        )
    return pairs


def read_text(path: Path) -> str:
    """Text of a list, gunzipped where the name ends in ``.gz``; a byte-order mark is dropped.  DataError when unreadable."""
    try:
        stored = path.read_bytes()
        return (gzip.decompress(stored) if path.suffix == ".gz" else stored).decode("utf-8-sig")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise DataError(expected="a text list in UTF-8", got=f"{path} ({reason})", remedy="check the path") from error


def _csv_rows(lines: list[str], path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, skipinitialspace=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            is_header = reader.line_num == 1 and {cell.lower() for cell in cells} <= _HEADER_WORDS
            if any(cells) and not is_header:
                yield reader.line_num, cells
    except csv.Error as error:
        raise DataError(
            expected="rows 'image,depth'",
            got=f"line {reader.line_num} of {path} ({error})",
            remedy="mend or remove the line; a quote may be missing",
        ) from error


def _text_rows(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    return ((number, line.split()) for number, line in enumerate(lines, start=1) if line.strip())


def _pair(path: Path, number: int, cells: list[str], *, columns: tuple[int, ...]) -> ListedPair:
    if len(cells) not in columns or not all(cells[:2]):
        raise DataError(
            expected=f"{' or '.join(map(str, columns))} columns: picture, depth{', focal' if 3 in columns else ''}",
            got=f"{len(cells)} in line {number} of {path}: {' '.join(cells)[:80]!r}",
            remedy="mend or remove the line; paths with commas or spaces need a CSV with quotes",
        )
    return ListedPair(number, cells[0].lstrip("/"), cells[1].lstrip("/"))
