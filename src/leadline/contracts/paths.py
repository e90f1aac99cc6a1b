# SPDX-License-Identifier: Apache-2.0
"""A path as a user gave it enters; whether something is there leaves, also for names that the system cannot look up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def exists(path: Path) -> bool:
    """Whether anything is there; False where the system refuses the question (name too long, null byte, no permission).

    >>> from pathlib import Path
    >>> exists(Path("x" * 5000)), exists(Path("."))
    (False, True)
    """
    return _answer(path.exists)


def is_file(path: Path) -> bool:
    """Whether a file is there; False as for ``exists``."""
    return _answer(path.is_file)


def is_folder(path: Path) -> bool:
    """Whether a folder is there; False as for ``exists``."""
    return _answer(path.is_dir)


def _answer(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except (OSError, ValueError):
        return False
