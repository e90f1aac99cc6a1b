# SPDX-License-Identifier: Apache-2.0
"""A folder of pictures or of tars enters; a plan of shards leaves, each of which hands out its pictures as bytes.

Planning opens no picture and no tar: a shard is a few words until its pictures are asked for, in whatever process.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.paths import is_file, is_folder
from leadline.data.picture_folder import find_pictures, say_what_is_ignored
from leadline.data.tar_cache import indexed
from leadline.data.tar_index import BROKEN_TAR, TAR_SUFFIXES, open_stream, read_member, unreadable_tar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

logger = logging.getLogger(__name__)

_TAR_ENDINGS = frozenset({".tar", ".gz", ".tgz"})


class PictureShard(Protocol):
    """A part of a large collection that one worker takes at a time; it can be pickled and costs next to nothing."""

    @property
    def name(self) -> str:
        """Its name in the collection: the tar's path below it, or ``folder-000007``."""
        ...

    @property
    def index(self) -> int:
        """Its place in the plan, from 0."""
        ...

    @property
    def count(self) -> int | None:
        """How many pictures it holds, None where only opening it would tell."""
        ...

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """(key, bytes of the picture file) one by one, always in the same order; keys are unique in the collection.

        A single file that cannot be read comes with no bytes, which no decoder takes for a picture.

        Raises:
            DataError: the whole shard is unreadable or not to be trusted, see ``scan_tar``.
        """
        ...


@dataclass(frozen=True, slots=True)
class TarShard:
    """The pictures of one tar; keys are ``<tar below the collection>/<path inside it>``, as dataset ``shards`` has them."""

    name: str
    index: int
    path: Path
    count: int | None = None

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """As ``PictureShard.pictures``; the tar's headers are gone through first, so that a bad one yields nothing."""
        index = indexed(self.path)
        try:
            stream = open_stream(self.path)
        except BROKEN_TAR as error:
            raise unreadable_tar(self.path, error) from error
        with stream:
            for which in range(len(index)):
                yield f"{self.name}/{index.name(which)}", read_member(stream, self.path, index, which)


@dataclass(frozen=True, slots=True)
class FolderShard:
    """Some neighbouring pictures of a folder; keys are their paths below it, as dataset ``image_folder`` has them."""

    name: str
    index: int
    root: Path
    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of pictures."""
        return len(self.names)

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """As ``PictureShard.pictures``."""
        for name in self.names:
            yield name, _bytes_of(self.root / name)


def picture_shards(source: Path, *, pictures_per_shard: int) -> list[PictureShard]:
    """Cut a collection into shards.

    Args:
        source: a folder that holds tars (``.tar``, ``.tar.gz``, ``.tgz``, at any depth), each of which is one shard; one
            tar; or a folder of pictures, cut into runs of its sorted paths.
        pictures_per_shard: pictures of a folder in each shard but the last; tars are as long as they are.

    Raises:
        UsageError: no such file or folder, or fewer than one picture per shard.
        DataError: neither tars nor pictures there, or both; two pictures of a folder whose paths agree up to the ending.
    """
    if pictures_per_shard < 1:
        raise UsageError(expected="at least one picture per shard", got=str(pictures_per_shard), remedy="choose e.g. 1000")
    if is_file(source) and _is_tar(source.name):
        return [TarShard(source.name, 0, source)]
    if not is_folder(source):
        raise UsageError(expected="a folder of pictures or of tars, or one tar", got=str(source), remedy="check the path")
    found = find_pictures(source)
    tars = tars_below(source)
    if bool(tars) == bool(found.names):
        both = "both pictures and tars" if tars else "neither"
        raise DataError(
            expected=f"pictures or tars ({', '.join(TAR_SUFFIXES)}) of pictures", got=f"{both} in {source}",
            remedy="keep them in different folders" if tars else "check the path",
        )  # fmt: skip
    if tars:
        return [TarShard(name, index, source / name) for index, name in enumerate(tars)]
    say_what_is_ignored(source, found)
    refuse_equal_stems(source, found.names)
    starts = range(0, len(found.names), pictures_per_shard)
    return [
        FolderShard(f"folder-{index:06d}", index, source, found.names[start : start + pictures_per_shard])
        for index, start in enumerate(starts)
    ]


def tars_below(folder: Path) -> list[str]:
    """Paths of all tars below ``folder``, relative to it, sorted.  DataError when it cannot be listed."""
    return [name for name in find_pictures(folder, _TAR_ENDINGS).names if _is_tar(name)]


def refuse_equal_stems(folder: Path, names: Sequence[str]) -> None:
    """Refuse a folder in which two pictures would share the name of their label.

    Raises:
        DataError: both are named.
    """
    seen: dict[str, str] = {}
    for name in names:
        stem = name.rpartition(".")[0]
        if (other := seen.setdefault(stem, name)) != name:
            raise DataError(
                expected="one picture per name, endings aside, for a label is named after its picture",
                got=f"{other} and {name} in {folder}",
                remedy="rename or remove one of them",
            )


def _is_tar(name: str) -> bool:
    return name.lower().endswith(TAR_SUFFIXES)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        logger.warning("cannot read %s: %s", path, error.strerror or error)
        return b""
