# SPDX-License-Identifier: Apache-2.0
"""Files that survive a crash at any instant: bytes or a filled folder enter, the whole old or the whole new one stands.

A file is written as every other room writes it (``leadline.rasters.atomic``).  A folder ``X`` is filled as ``.new-X``,
fsynced file by file, and swapped with ``X`` in one system call (renameat2 with RENAME_EXCHANGE) where the system has it.
Elsewhere ``X`` steps aside as ``.old-X`` first; a crash between the two renames leaves no ``X``, and ``recover`` puts
``.old-X`` back.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from leadline.contracts.errors import StorageError
from leadline.rasters.atomic import PARTIAL, REMEDIES, atomically, not_written, sync

_NEW, _OLD, _GONE = ".new-", ".old-", ".gone-"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write ``path`` into a StorageError of one line."""
    try:
        yield
    except SafetensorError as error:
        # safetensors reports the system's error only as text, "... (os error 28)"
        remedy = next((text for code, text in REMEDIES.items() if f"os error {code})" in str(error)), "check the disk")
        raise StorageError(expected=f"to write {path}", got=str(error), remedy=remedy) from error
    except OSError as error:
        raise not_written(f"to write {path}", error) from error


def write_file(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``: after a crash the path holds the old bytes or the new, never part of them."""
    with atomically(path) as temporary, open(temporary, "wb") as file:  # noqa: PTH123  tests count the calls of the os layer
        file.write(content)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; when the block ends well it replaces ``path`` as a whole, else nothing has changed.

    Only one process may write beside ``path``.

    Raises:
        StorageError: the disk is full or may not be written; ``path`` is as it was.
    """
    fresh = path.with_name(_NEW + path.name)
    with storage_errors(path):
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        try:
            yield fresh
            for entry in sorted(fresh.rglob("*")):
                sync(entry)
            sync(fresh)
        except Exception:
            shutil.rmtree(fresh, ignore_errors=True)  # a full disk gets its space back
            raise
        _swap(fresh, path)


def _swap(fresh: Path, path: Path) -> None:
    if not path.exists():
        os.rename(fresh, path)  # noqa: PTH104
    elif not _exchange(fresh, path):
        aside = path.with_name(_OLD + path.name)
        os.rename(path, aside)  # noqa: PTH104
        os.rename(fresh, path)  # noqa: PTH104
    sync(path.parent)
    for prefix in (_NEW, _OLD):
        shutil.rmtree(path.with_name(prefix + path.name), ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two names in one system call; False where the system or the file system cannot."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    return bool(renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0)


def remove_folder(path: Path) -> None:
    """Delete a folder so that a crash never leaves part of it under its name."""
    gone = path.with_name(_GONE + path.name)
    with storage_errors(path):
        shutil.rmtree(gone, ignore_errors=True)
        os.rename(path, gone)  # noqa: PTH104
        sync(path.parent)
        shutil.rmtree(gone, ignore_errors=True)


def recover(folder: Path) -> None:
    """Finish or undo what a crash interrupted inside ``folder``.  Only while no other process writes there."""
    with storage_errors(folder):
        for aside in sorted(folder.glob(_OLD + "*")):
            path = folder / aside.name.removeprefix(_OLD)
            if not path.exists():
                os.rename(aside, path)  # noqa: PTH104
        for leftovers in (f"{_NEW}*", f"{_OLD}*", f"{_GONE}*", PARTIAL):
            for leftover in sorted(folder.glob(leftovers)):
                if leftover.is_dir():
                    shutil.rmtree(leftover, ignore_errors=True)
                else:
                    leftover.unlink()
        sync(folder)
