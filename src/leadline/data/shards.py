# SPDX-License-Identifier: Apache-2.0
"""Tars of pictures, as SA-1B is delivered, go in; samples without depth come out, read in place and never extracted."""

from __future__ import annotations

import logging
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, Sample
from leadline.data.frame import image_tensor, require_some
from leadline.data.picture_shards import tars_below
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.data.tar_cache import index_place, indexed
from leadline.data.tar_index import BROKEN_TAR, TarIndex, is_packed, open_stream, read_member, unreadable_tar
from leadline.rasters.images import decode_image

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

NAME = "shards"

_SAID_BEFORE = 20  # fewer tars are indexed before anybody wonders


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardsSettings:
    """Dataset ``shards`` has no options."""


@dataclass(frozen=True, slots=True)
class Shards:
    """All pictures of all tars below one folder, tar after tar, in the order in which they lie there."""

    root: Path
    tars: tuple[str, ...]
    indices: tuple[TarIndex, ...]
    ends: tuple[int, ...]
    name: str = NAME
    provides: frozenset[Field] = frozenset({Field.IMAGE})

    def __len__(self) -> int:
        return self.ends[-1]

    def key(self, index: int, /) -> str:
        """``<tar below the folder>/<path inside it>``."""
        shard, which = self._place(index)
        return f"{self.tars[shard]}/{self.indices[shard].name(which)}"

    def stored(self, index: int, /) -> bytes:
        """The bytes of picture ``index`` as they lie in its tar.  DataError when the tar has changed or cannot be read."""
        shard, which = self._place(index)
        path = self.root / self.tars[shard]
        try:
            # Opened for each picture: twenty microseconds beside the decoder's milliseconds, and workers share nothing.
            with open_stream(path) as stream:
                return read_member(stream, path, self.indices[shard], which)
        except BROKEN_TAR as error:
            raise unreadable_tar(path, error) from error

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1] and no depth.  DataError for a picture that cannot be read."""
        key = self.key(index)
        return Sample(key=key, dataset=self.name, image=image_tensor(decode_image(self.stored(index), key)))

    def _place(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"picture {index} of {len(self)}")
        shard = bisect_right(self.ends, index)
        return shard, index - (self.ends[shard - 1] if shard else 0)


def open_shards(request: DatasetRequest) -> Shards:
    """Open every ``.tar``, ``.tar.gz`` and ``.tgz`` below ``root``, at any depth.  Only split: ``all``.

    The first time, the headers of each tar are gone through; where its pictures lie is then kept in the user's cache
    folder (``$LEADLINE_CACHE``).  Pictures are told by their endings, other members (the ``.json`` of SA-1B) are left.

    Raises:
        UsageError: another split, any option, no root.
        DataError: no tars or no pictures; a tar that is truncated, damaged or not to be trusted, see ``scan_tar``.
    """
    settings_from(ShardsSettings, NAME, request.options)
    required_split(NAME, request, ("all",))
    root = required_root(NAME, request)
    tars = tuple(tars_below(root))
    if not tars:
        raise DataError(expected="tars of pictures", got=f"none below {root}", remedy="check the root folder")
    if packed := [tar for tar in tars if is_packed(root / tar)]:
        logger.warning(
            "%d of %d tars below %s are packed, the first is %s: every picture means unpacking what lies before it; "
            "gunzip them for training",
            len(packed),
            len(tars),
            root,
            packed[0],
        )
    unknown = sum(not index_place(root / tar).is_file() for tar in tars)
    if unknown > _SAID_BEFORE:
        logger.warning(
            "going through the headers of %d tars below %s, a second or two for each of 10 GB, once", unknown, root
        )
    indices = tuple(indexed(root / tar) for tar in tars)
    ends = tuple(accumulate(len(index) for index in indices))
    require_some(ends[-1], dataset=NAME, where=root)
    return Shards(root, tars, indices, ends)
