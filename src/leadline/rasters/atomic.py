# SPDX-License-Identifier: Apache-2.0
"""Files appear whole or not at all: a path enters, a temporary one beside it leaves and takes its name at the end."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leadline.contracts.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REMEDIES = {
    errno.ENOSPC: "free some space or choose another disk, then start or resume again",
    errno.EDQUOT: "free some of your quota or choose another disk, then start or resume again",
    errno.EFBIG: "raise the file size limit (ulimit -f), then start or resume again",
    errno.EACCES: "choose a folder you may write to",
    errno.EPERM: "choose a folder you may write to",
    errno.EROFS: "choose a folder that is not mounted read-only",
    errno.EIO: "check the disk",
}
"""What to do about what the system says, by its number."""
PARTIAL = ".*.partial*"
"""What a crash may leave of a file that was not yet whole."""


@contextmanager
def atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success flush it to disk and rename it to ``path``, else remove it.

    After a crash at any instant ``path`` holds the old bytes or the new, never part of them.  The temporary name keeps the
    suffix, because some writers choose their format by it.  Missing parent folders are made.

    Raises:
        StorageError: the folder is read-only, the disk is full, or a part of the path is a file.
    """
    temporary = path.with_name(f".{path.stem[:80]}.{uuid.uuid4().hex[:8]}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        raise not_written(f"to write {path}", error) from error
    finally:
        _discard(temporary)


def not_written(expected: str, error: OSError) -> StorageError:
    """What a user is told when a disk did not take something; to be raised from ``error``."""
    said, number = error.strerror or str(error), error.errno or 0
    if isinstance(error, shutil.Error) and (found := re.search(r"\[Errno (\d+)\] ([^:'\"]+)", said)):
        number, said = int(found[1]), found[2]  # of a folder copied: a list of all files, each with both its paths
    remedy = REMEDIES.get(number, "choose a folder that is writable and has free space")
    return StorageError(expected=expected, got=said, remedy=remedy)


def sync(path: Path) -> None:
    """Bring a file's bytes, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # some network file systems have no fsync for folders
        if error.errno != errno.EINVAL or not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def require_writable(folder: Path) -> None:
    """Make ``folder`` where it is missing and try it: found out before the work, not after it.

    Raises:
        StorageError: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise not_written(f"to write into {folder}", error) from error


def _discard(temporary: Path) -> None:
    """Remove what a failed write left; a folder that refuses even this has already been reported."""
    try:
        temporary.unlink(missing_ok=True)
    except OSError:
        return
