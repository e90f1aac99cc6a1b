# SPDX-License-Identifier: Apache-2.0
"""Files appear whole or not at all: a path enters, a temporary one beside it leaves and takes its name at the end."""

from __future__ import annotations

import os
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
        raise StorageError(
            expected=f"to write {path}",
            got=error.strerror or str(error),
            remedy="choose a folder that is writable and has free space",
        ) from error
    finally:
        _discard(temporary)


def _discard(temporary: Path) -> None:
    """Remove what a failed write left; a folder that refuses even this has already been reported."""
    try:
        temporary.unlink(missing_ok=True)
    except OSError:
        return
