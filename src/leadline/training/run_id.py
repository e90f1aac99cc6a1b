# SPDX-License-Identifier: Apache-2.0
"""What a run is called: a folder and the hour enter, an id that people can read leaves; and back, an id to its folder."""

from __future__ import annotations

import hashlib
import os
import re
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

from leadline.contracts.errors import UsageError
from leadline.contracts.suggestions import did_you_mean
from leadline.training.run import CONFIG

_LEGAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LISTED = 10


def fresh_run_id(folder: Path) -> str:
    """An id for a new run in ``folder``: date, time (UTC) and six hexadecimal digits, e.g. ``20261121-184533-3fa9c2``."""
    now_ns = time.time_ns()
    drawn = hashlib.sha256(f"{folder.resolve()} {now_ns} {os.getpid()}".encode()).hexdigest()
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now_ns // 10**9))}-{drawn[:6]}"


def require_legal(run_id: str) -> None:
    """Refuse what could not stand in a file name or in W&B.

    Raises:
        UsageError: it is not 1 to 64 letters, digits, dots, hyphens and underscores, or begins with none of the former two.
    """
    if not _LEGAL.fullmatch(run_id):
        raise UsageError(
            expected="--run-id of at most 64 letters, digits, '.', '-' and '_', a letter or digit first",
            got=repr(run_id),
            remedy="e.g. --run-id student-1",
        )


def require_free(run_id: str, folder: Path) -> None:
    """Refuse an id that another run near ``folder`` has, since ``--resume --run-id`` could not tell them apart.

    Raises:
        UsageError: naming the run that has it.
    """
    for there in runs_near(folder):
        taken = [path for path in there.get(run_id, []) if path.resolve() != folder.resolve()]
        if taken:
            raise UsageError(
                expected=f"a --run-id that no run near {folder} has",
                got=f"{run_id}, which {taken[0]} has",
                remedy=f"choose another one, or continue that run with --resume {taken[0]}",
            )


def run_with_id(run_id: str, folder: Path) -> Path:
    """The folder of the run that has this id, in ``folder`` or below it, else below its parent.

    Raises:
        UsageError: no run has it, naming those there are; or several have it.
    """
    seen: set[str] = set()
    for there in runs_near(folder):
        found = there.get(run_id, [])
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                expected=f"one run with the id {run_id}",
                got=", ".join(map(str, found)),
                remedy="name its folder: --resume FOLDER",
            )
        seen |= there.keys()
    remedy = did_you_mean(run_id, seen, otherwise="name the --save-dir of the run")
    raise UsageError(
        expected=f"the id of a run in or beside {folder}",
        got=f"{run_id!r}; {_listed(sorted(seen))}",
        remedy=remedy,
    )


def _listed(ids: list[str]) -> str:
    more = f" and {len(ids) - _LISTED} more" if len(ids) > _LISTED else ""
    return f"there are {', '.join(ids[:_LISTED])}{more}" if ids else "there is no run"


def run_id_of(folder: Path) -> str:
    """The id in the config.toml of a run folder; empty where it has none or cannot be read."""
    try:
        said = tomllib.loads((folder / CONFIG).read_text(encoding="utf-8")).get("run_id", "")
    except (OSError, ValueError):
        return ""  # some other program's config.toml
    return said if isinstance(said, str) else ""


def runs_near(folder: Path) -> Iterator[dict[str, list[Path]]]:
    """Id -> run folders, sorted by path: first of ``folder`` itself and two levels below it, then of those beside it."""
    yield _runs_at(folder, (CONFIG, f"*/{CONFIG}", f"*/*/{CONFIG}"))
    yield _runs_at(folder.absolute().parent, (CONFIG, f"*/{CONFIG}"))


def _runs_at(folder: Path, patterns: tuple[str, ...]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for pattern in patterns:
        for config in sorted(folder.glob(pattern)):
            if run_id := run_id_of(config.parent):
                found.setdefault(run_id, []).append(config.parent)
    return found
