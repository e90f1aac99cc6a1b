# SPDX-License-Identifier: Apache-2.0
"""A CSV file of measured points enters; the pictures it names, each with its pixels and their depths, leave."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.errors import DataError
from leadline.inference.pictures import as_picture

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

COLUMNS = ("image", "x", "y", "depth_m")


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownDepths:
    """One picture and what is known in it.

    Attributes:
        key: its name, for messages.
        read: gives the (H, W, 3) uint8 RGB picture, upright.
        x_px, y_px: (N,) float64, coordinates in the upright picture from its left and upper edge; pixel i covers [i, i+1),
            its centre is at i + 0.5, so that whole numbers, as image viewers show them, name the pixel itself.
        depth_m: (N,) float64, z-depth in metres (along the optical axis, not the length of the ray), above 0.
    """

    key: str
    read: Callable[[], NDArray[np.uint8]]
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    depth_m: NDArray[np.float64]


def read_points(path: Path) -> list[KnownDepths]:
    """Points of a CSV file with the columns image, x, y, depth_m in any order; others are ignored.

    Pictures are named relative to the file's folder.  Their order is that of the file.

    Raises:
        DataError: no such file, no such columns, no rows, a number that is none, a depth that is not above 0.
    """
    rows = _rows(path)
    by_picture: dict[str, list[tuple[float, float, float]]] = {}
    for line, row in rows:
        by_picture.setdefault(row["image"], []).append(_numbers(path, line, row))
    if not by_picture:
        raise DataError(expected=f"rows of {', '.join(COLUMNS)} in {path}", got="none", remedy="add at least three points")
    return [_known(path, name, np.array(points)) for name, points in by_picture.items()]


def pixels(known: KnownDepths, height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns (N,) of the pixels that hold the points, in a picture of this size.

    Raises:
        DataError: a point outside of the picture.
    """
    columns, rows = np.floor(known.x_px).astype(np.intp), np.floor(known.y_px).astype(np.intp)
    outside = (columns < 0) | (columns >= width) | (rows < 0) | (rows >= height)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise DataError(
            expected=f"points inside {known.key}, 0 <= x < {width} and 0 <= y < {height}",
            got=f"{int(outside.sum())} outside, the first at x {known.x_px[first]:g}, y {known.y_px[first]:g}",
            remedy="give pixels of the upright picture at its full size",
        )
    return rows, columns


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            names = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = names
            lacking = [name for name in COLUMNS if name not in names]
            if lacking:
                raise DataError(
                    expected=f"a first line with the columns {','.join(COLUMNS)} in {path}",
                    got=f"no {' and no '.join(lacking)}",
                    remedy="name the columns in the first line",
                )
            return [(reader.line_num, {k: (v or "").strip() for k, v in row.items() if k in COLUMNS}) for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(
            expected="a CSV file of points", got=f"{path} ({error})", remedy="check the path; the text must be UTF-8"
        ) from error


def _numbers(path: Path, line: int, row: dict[str, str]) -> tuple[float, float, float]:
    try:
        x, y, depth_m = (float(row[name]) for name in COLUMNS[1:])
    except ValueError as error:
        raise DataError(
            expected="numbers for x, y and depth_m", got=f"{error} in line {line} of {path}", remedy="correct the line"
        ) from error
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(depth_m) and depth_m > 0 and row["image"]):
        raise DataError(
            expected="a picture, finite coordinates and a depth above 0 m",
            got=f"{','.join(row[name] for name in COLUMNS)} in line {line} of {path}",
            remedy="leave out points without a depth",
        )
    return x, y, depth_m


def _known(path: Path, name: str, points: NDArray[np.float64]) -> KnownDepths:
    read = partial(as_picture, path.parent / name)
    return KnownDepths(key=name, read=read, x_px=points[:, 0], y_px=points[:, 1], depth_m=points[:, 2])
