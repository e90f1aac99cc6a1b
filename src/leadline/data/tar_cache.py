# SPDX-License-Identifier: Apache-2.0
"""A tar goes in, its index comes out: from the user's cache folder where the tar is still as it was, else made and kept."""

from __future__ import annotations

import hashlib
import logging
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.errors import StorageError
from leadline.data.tar_index import BROKEN_TAR, TarIndex, scan_tar, unreadable_tar
from leadline.rasters.atomic import atomically
from leadline.rasters.user_cache import cache_folder

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

_FORMAT = 1
"""Changed whenever ``scan_tar`` accepts or yields something else; older indices are then made anew."""


def indexed(tar: Path) -> TarIndex:
    """The index of ``tar``.  An index counts while size and time of change of the tar are those it was made from.

    Going through the headers of a tar of SA-1B takes some tenths of a second, of a packed one minutes; reading the index a
    millisecond.  A cache that cannot be written costs that time again, nothing else.

    Raises:
        DataError: as ``scan_tar``.
    """
    try:
        state = tar.stat()
    except OSError as error:
        raise unreadable_tar(tar, error) from error
    stamp = np.array([_FORMAT, state.st_size, state.st_mtime_ns], np.int64)
    place = index_place(tar)
    kept = _kept(place, stamp)
    if kept is not None:
        return kept
    index = scan_tar(tar)
    try:
        with atomically(place) as temporary, temporary.open("wb") as file:
            np.savez(file, stamp=stamp, names=index.names, offsets=index.offsets, sizes=index.sizes)
    except StorageError as error:
        logger.debug("the index of %s is not kept: %s", tar, error)
    return index


def index_place(tar: Path) -> Path:
    """Where the index of ``tar`` is kept, there or not."""
    name = hashlib.sha256(str(tar.resolve()).encode(errors="surrogatepass")).hexdigest()[:24]
    return cache_folder() / "tars" / f"{name}.npz"


def _kept(place: Path, stamp: np.ndarray[tuple[int], np.dtype[np.int64]]) -> TarIndex | None:
    try:
        with np.load(place, allow_pickle=False) as stored:
            if not np.array_equal(stored["stamp"], stamp):
                return None
            return TarIndex(stored["names"], stored["offsets"], stored["sizes"])
    except (*BROKEN_TAR, KeyError, zipfile.BadZipFile):  # missing, cut off or foreign: it is only a cache
        return None
