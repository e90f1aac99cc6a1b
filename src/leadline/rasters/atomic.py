# SPDX-License-Identifier: Apache-2.0
"""Files appear whole or not at all: a path enters, a temporary one beside it leaves and takes its name at the end."""

from __future__ import annotations

import os
import tempfile
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leadline.contracts.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success flush it to disk and rename it to ``path``, else remove it.

    The temporary name keeps the suffix, because some writers choose their format by it.  Missing parent folders are made.

    Raises:
        StorageError: the folder is read-only, the disk is full, or a part of the path is a file.
    """
    temporary = path.with_name(f".{path.stem[:80]}.{uuid.uuid4().hex[:8]}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise not_written(f"to write {path}", error) from error
    finally:
        _discard(temporary)


def not_written(expected: str, error: OSError) -> StorageError:
    """What a user is told when a disk did not take something; to be raised from ``error``."""
    return StorageError(
        expected=expected,
        got=error.strerror or str(error),
        remedy="choose a folder that is writable and has free space",
    )


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
