# SPDX-License-Identifier: Apache-2.0
"""The folder of DDOS, or of a part of it, goes in; its flights and their pictures come out, no flight in two splits."""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.paths import is_file, is_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

Layout: TypeAlias = Literal["official", "short"]

SPLIT_FOLDERS = {"train": "train", "val": "validation", "test": "test"}
"""Splits by the name that recipes use -> the folder of the release."""
ENVIRONMENTS = ("neighbourhood", "park")

_HUB_FOLDER = "datasets--benediktkol--DDOS"


@dataclass(frozen=True, slots=True)
class Flight:
    """One folder of frames that were taken 0.1 s apart.

    Attributes:
        folder: where ``image``, ``depth`` and ``segmentation`` lie.
        parts: split folder, environment and number, as the folders are called; the short layout has no split.
        pictures: names of the files in ``image``, 2 before 10.
    """

    folder: Path
    parts: tuple[str, ...]
    pictures: tuple[str, ...]

    @property
    def name(self) -> str:
        """Path below the data folder, e.g. ``train/park/33``; numbers start at 0 again in every split and environment."""
        return "/".join(self.parts)

    @property
    def split_folder(self) -> str:
        """``train``, ``validation`` or ``test``; empty in the short layout."""
        return self.parts[0] if len(self.parts) == 3 else ""

    @property
    def environment(self) -> str:
        """One of ``ENVIRONMENTS``."""
        return self.parts[-2]

    def files(self, kind: str) -> frozenset[str]:
        """Names of the files in the folder ``kind``; none where it is not there."""
        return frozenset(_names(self.folder / kind))


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key by which numbers inside names count as numbers.

    >>> sorted(["10.png", "2.png"], key=natural_order)
    ['2.png', '10.png']
    """
    words = re.split(r"(\d+)", name)
    return tuple((0, int(word), "") if word.isdecimal() else (1, 0, word) for word in words if word)


def data_folder(root: Path, layout: Layout) -> Path:
    """The folder that holds the split folders, or in the short layout the environments.

    ``root`` is that folder, the one above its ``data``, a Hugging Face cache folder of the dataset
    (``datasets--benediktkol--DDOS``, whose ``refs/main`` says which snapshot), or the cache that holds it.

    Raises:
        DataError: none of these; a cache with several snapshots and no ``refs/main``.
    """
    wanted = tuple(SPLIT_FOLDERS.values()) if layout == "official" else ENVIRONMENTS
    candidates = [root, root / "data"]
    for hub in (root, root / _HUB_FOLDER, root / "hub" / _HUB_FOLDER):
        candidates += [snapshot / "data" for snapshot in _snapshots(hub)]
    for candidate in candidates:
        if any(is_folder(candidate / name) for name in wanted):
            return candidate
    if layout == "official":
        has_environment = any(is_folder(root / name) for name in ENVIRONMENTS)
        expected = "data/train, data/validation or data/test of DDOS"
        remedy = "pass the folder that holds data/, or its Hugging Face cache folder"
        if has_environment:
            remedy += "; for environments without split folders add the option layout=short"
    else:
        expected, remedy = f"{' or '.join(ENVIRONMENTS)} (layout=short)", "pass the folder above them"
    raise DataError(expected=expected, got=f"none in {root}", remedy=remedy)


def flights_below(data: Path, layout: Layout) -> list[Flight]:
    """Every flight that has pictures: train, validation, test; neighbourhood before park; flight 2 before 10."""
    splits: list[tuple[str, ...]] = [(folder,) for folder in SPLIT_FOLDERS.values()] if layout == "official" else [()]
    found = []
    for parts in [(*split, environment) for split in splits for environment in ENVIRONMENTS]:
        parent = data.joinpath(*parts)
        for number in sorted(_names(parent), key=natural_order):
            pictures = sorted((name for name in _names(parent / number / "image") if _is_frame(name)), key=natural_order)
            if pictures:
                found.append(Flight(parent / number, (*parts, number), tuple(pictures)))
    return found


def require_separated(flights: Sequence[Flight]) -> None:
    """Refuse a flight that lies in two splits: its frames are so alike that a test on them would measure memory.

    Numbers prove nothing, for they start at 0 in every split.  A flight is known by its ``metadata.csv`` (the path it flew)
    and its first picture; of each, only files of one size are read.

    Raises:
        DataError: naming two copies.
    """
    named: list[list[tuple[Flight, Path]]] = [
        [(flight, flight.folder / "metadata.csv") for flight in flights],
        [(flight, flight.folder / "image" / flight.pictures[0]) for flight in flights],
    ]
    for files in named:
        for one, other, path in _copies_across_splits(files):
            raise DataError(
                expected="every flight in one split only",
                got=f"{other.name} with the same {path.name} as {one.name}, below {one.folder.parents[2]}",
                remedy="remove one of the two folders, or download them again",
            )


def wanted_flights(flights: Iterable[Flight], *, environments: str, chosen: str) -> list[Flight]:
    """The flights that two options leave.

    Args:
        flights: of the splits that are asked for.
        environments: names with commas between; empty: all.
        chosen: numbers with commas between, each also as ``park/33``, ``train/33`` or ``train/park/33``; a split is
            restricted only by entries that name it or no split.  Empty: all.

    Raises:
        UsageError: an unknown environment, or an entry that means no flight that is there.
    """
    places = _words(environments)
    if unknown := [place for place in places if place not in ENVIRONMENTS]:
        remedy = "choose one of these, or both with a comma between"
        raise UsageError(expected=f"environments of DDOS: {', '.join(ENVIRONMENTS)}", got=f"'{unknown[0]}'", remedy=remedy)
    there = [flight for flight in flights if not places or flight.environment in places]
    entries = [tuple(SPLIT_FOLDERS.get(part, part) for part in word.split("/")) for word in _words(chosen)]
    splits = {flight.split_folder for flight in there}
    entries = [entry for entry in entries if any(_is_about(entry, split) for split in splits)]
    for entry in entries:
        if not any(_means(entry, flight) for flight in there):
            raise UsageError(
                expected="flights that are there",
                got=f"'{'/'.join(entry)}' in option flights, with {_some(there)} on disk",
                remedy="name flights as 7, park/7 or train/park/7, or download that one",
            )
    kept = []
    for flight in there:
        about = [entry for entry in entries if _is_about(entry, flight.split_folder)]
        if not about or any(_means(entry, flight) for entry in about):
            kept.append(flight)
    return kept


def _is_about(entry: tuple[str, ...], split_folder: str) -> bool:
    """Whether an entry restricts a split: it names that one, or none, or there are no splits."""
    return not split_folder or entry[0] == split_folder or entry[0] not in SPLIT_FOLDERS.values()


def _means(entry: tuple[str, ...], flight: Flight) -> bool:
    """Whether ``7``, ``park/7``, ``train/7`` or ``train/park/7`` is this flight."""
    rest = entry[1:] if entry[0] == flight.split_folder else entry
    return bool(rest) and rest == flight.parts[len(flight.parts) - len(rest) :]


def _some(flights: Sequence[Flight]) -> str:
    shown = ", ".join(flight.name for flight in flights[:3])
    return f"{shown} and {len(flights) - 3} more" if len(flights) > 3 else shown or "none"


def _copies_across_splits(files: Sequence[tuple[Flight, Path]]) -> Iterator[tuple[Flight, Flight, Path]]:
    by_size: dict[int, list[tuple[Flight, Path]]] = defaultdict(list)
    for flight, path in files:
        if is_file(path):
            by_size[path.stat().st_size].append((flight, path))
    for alike in by_size.values():
        if len({flight.split_folder for flight, _ in alike}) < 2:
            continue
        first_of: dict[bytes, Flight] = {}
        for flight, path in alike:
            stored = path.read_bytes()
            if path.suffix == ".csv" and stored.count(b"\n") < 2:
                continue  # a head without lines says nothing about a flight
            first = first_of.setdefault(hashlib.sha256(stored).digest(), flight)
            if first.split_folder != flight.split_folder:
                yield first, flight, path


def _snapshots(hub: Path) -> list[Path]:
    """The snapshot of ``refs/main``, else the only one there is."""
    there = sorted(_names(hub / "snapshots"))
    reference = hub / "refs" / "main"
    if is_file(reference):
        named = reference.read_text(encoding="utf-8", errors="replace").strip()
        if named in there:
            return [hub / "snapshots" / named]
    if len(there) > 1:
        raise DataError(
            expected=f"refs/main in {hub} to say which snapshot is meant",
            got=f"{len(there)} snapshots: {', '.join(there[:3])}",
            remedy="pass one of the snapshot folders",
        )
    return [hub / "snapshots" / name for name in there]


def _names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]  # noqa: PTH208 (names are all that is wanted)
    except (OSError, ValueError):
        return []


def _is_frame(name: str) -> bool:
    return name.lower().endswith(".png")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
