# SPDX-License-Identifier: Apache-2.0
"""DA-2K: the annotation file goes in; pictures with pairs of pixels of which the nearer one is known come out.

Yang et al. 2024 (Depth Anything V2, arXiv 2406.09414).  No depth: it serves for scoring or a ranking loss, never for metres.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, OrdinalPairs, Sample
from leadline.data.frame import read_image_tensor, require_files, require_some
from leadline.data.json_text import parse_json
from leadline.data.nyu_list import read_text
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from

if TYPE_CHECKING:
    from pathlib import Path

NAME = "da2k"
POINTS = ("point1", "point2")
LARGEST_PX = 2**31 - 1  # no picture format counts further


@dataclass(frozen=True, kw_only=True, slots=True)
class Da2kSettings:
    """Dataset ``da2k`` has no options."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """One picture: its key, and (nearer, farther) pairs of (row, column)."""

    key: str
    pairs: tuple[tuple[tuple[int, int], tuple[int, int]], ...]


@dataclass(frozen=True, slots=True)
class Da2k:
    """The annotated pictures, sorted by key."""

    root: Path
    items: tuple[Annotated, ...]
    name: str = NAME
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.ORDINAL})

    def __len__(self) -> int:
        return len(self.items)

    def key(self, index: int, /) -> str:
        """The picture's path relative to the root, e.g. ``images/indoor/0001.jpg``."""
        return self.items[index].key

    def scene(self, index: int) -> str:
        """The kind of scene, named by the picture's folder: indoor, outdoor, non_real, underwater, ..."""
        return PurePosixPath(self.items[index].key).parent.name

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1] and P pairs (P, 2), rows and columns in pixels, all of them valid; no depth.

        Raises:
            DataError: a picture that cannot be read, or a point outside it.
        """
        item = self.items[index]
        image = read_image_tensor(self.root / item.key)
        points = torch.tensor(item.pairs, dtype=torch.int64)
        size = torch.tensor(image.shape[1:])
        if bool(((points < 0) | (points >= size)).any()):
            raise DataError(
                expected=f"points (row, column) inside the picture of {image.shape[1]}x{image.shape[2]} (height x width)",
                got=f"{points.reshape(-1, 2).tolist()} for {self.root / item.key}",
                remedy="check that the pictures have their original size",
            )
        every = torch.ones(len(item.pairs), dtype=torch.bool)
        pairs = OrdinalPairs(nearer_rc=points[:, 0], farther_rc=points[:, 1], valid=every)
        return Sample(key=item.key, dataset=self.name, image=image, ordinal=pairs)


def open_da2k(request: DatasetRequest) -> Da2k:
    """Open DA-2K: ``listing`` or ``<root>/annotations.json``.

    Splits: ``all`` (default) and ``test`` are the same; it is a benchmark.

    Raises:
        UsageError: another split, any option, no root.
        DataError: broken annotations (picture and entry are named), missing pictures, no picture at all.
    """
    settings_from(Da2kSettings, NAME, request.options)
    required_split(NAME, request, ("all", "test"))
    root = required_root(NAME, request)
    listing = request.listing or root / "annotations.json"
    items = read_annotations(listing)
    require_some(len(items), dataset=NAME, where=listing)
    require_files([root / item.key for item in items], [item.key for item in items], listing=str(listing), root=root)
    return Da2k(root, items)


def read_annotations(path: Path) -> tuple[Annotated, ...]:
    """Read ``{picture: [{"point1": [row, column], "point2": [row, column], "closer_point": "point1"}, ...]}``, sorted.

    Raises:
        DataError: no JSON object, a picture without pairs, a point that is not two whole numbers, an unknown closer point.
    """
    try:
        content = parse_json(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(
            expected="JSON", got=f"{path}, broken at line {error.lineno}: {error.msg}", remedy="unpack DA-2K again"
        ) from error
    if not isinstance(content, dict):
        raise DataError(
            expected="a JSON object of picture -> pairs",
            got=f"{path} with a {type(content).__name__}",
            remedy="unpack DA-2K again",
        )
    return tuple(_annotated(key, pairs, path) for key, pairs in sorted(content.items()))


def _annotated(key: str, entries: Any, path: Path) -> Annotated:
    pairs = [_pair(entry) for entry in entries] if isinstance(entries, list) else []
    if not pairs or None in pairs:
        raise DataError(
            expected="a list of {point1: [row, column], point2: [row, column], closer_point: point1 or point2}",
            got=f"{str(entries)[:120]} for {key!r} in {path}",
            remedy="unpack DA-2K again",
        )
    return Annotated(key.lstrip("/"), tuple(pair for pair in pairs if pair is not None))


def _pair(entry: Any) -> tuple[tuple[int, int], tuple[int, int]] | None:
    if not isinstance(entry, dict) or entry.get("closer_point") not in POINTS:
        return None
    nearer = entry["closer_point"]
    farther = POINTS[1 - POINTS.index(nearer)]
    first, second = _point(entry.get(nearer)), _point(entry.get(farther))
    return (first, second) if first is not None and second is not None else None


def _point(value: Any) -> tuple[int, int] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    row, column = value
    return (int(row), int(column)) if _is_pixel(row) and _is_pixel(column) else None


def _is_pixel(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= LARGEST_PX and float(value).is_integer()
