# SPDX-License-Identifier: Apache-2.0
"""The folder of a run: a path and a configuration enter, a checked place for logs and checkpoints leaves.

config.toml                 the resolved configuration, with the source of each value and the run's id
metrics.jsonl               numbers that depend on the run only, byte for byte the same after an interruption
timings.jsonl               speeds and times of day
events.out.tfevents.*       the same numbers and pictures for TensorBoard, unless they go to a folder of their own
tracker.json                which tracker's run this is, and what it was sent; only where there is a tracker
checkpoint_latest/          where ``resume`` goes on
checkpoint_best/            lowest selection value so far
checkpoint_epoch_N/         after epoch N (from 0), the last few
nonfinite_step_N/           a batch whose loss or gradient was not finite, for ``nonfinite.replay``
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from leadline.contracts.errors import StorageError
from leadline.training.config_file import Setting, from_toml, to_toml
from leadline.training.durable import storage_errors, write_file

CONFIG, METRICS, TIMINGS = "config.toml", "metrics.jsonl", "timings.jsonl"
LATEST, BEST, EPOCH = "checkpoint_latest", "checkpoint_best", "checkpoint_epoch_"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackerSettings:
    """Which run of W&B this is.

    Attributes:
        mode: offline writes files that ``wandb sync`` uploads, without key or network; online goes by WANDB_MODE where set.
        run_id: the run's, there as here.
        project, entity: where it stands; an empty entity is the account's own.
        name: what people read; empty takes ``run_id``.
        config: hyper-parameters, by name.
    """

    mode: Literal["offline", "online"]
    run_id: str
    project: str = "leadline"
    entity: str = ""
    name: str = ""
    config: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFolder:
    """Where one run writes.

    Attributes:
        path: the folder.
        resume_from: name of the checkpoint folder to go on from, or None for a run that starts.
        events: folder of the TensorBoard events; None puts them into ``path``.
        tracker: where the numbers go beside the folder; None for nowhere.
    """

    path: Path
    resume_from: str | None = None
    events: Path | None = None
    tracker: TrackerSettings | None = None

    @classmethod
    def create(cls, path: Path, config: Mapping[str, Setting], *, rank: int = 0) -> RunFolder:
        """Make the folder of a new run and write its configuration; ranks above 0 leave that to rank 0.

        Raises:
            StorageError: the folder cannot be written, or already holds a run.
        """
        if rank == 0:
            require_no_run(path)
            with storage_errors(path):
                path.mkdir(parents=True, exist_ok=True)
            write_file(path / CONFIG, to_toml(config).encode())
        return cls(path=path)

    def record(self, config: Mapping[str, Setting]) -> None:
        """Replace the written configuration, whole or not at all: a run that goes on with other values says so.

        Raises:
            StorageError: the folder cannot be written.
        """
        write_file(self.path / CONFIG, to_toml(config).encode())

    @classmethod
    def open(cls, path: Path, *, checkpoint: str = "latest") -> RunFolder:
        """The folder of an existing run, to go on from ``checkpoint``: ``latest``, ``best`` or ``epoch_N``.

        A run that was killed before its first checkpoint starts again from its beginning.

        Raises:
            StorageError: there is no run, or it has no such checkpoint.
        """
        from_toml(path / CONFIG)
        name = "checkpoint_" + checkpoint
        aside = path / f".old-{name}"  # a crash on a system without folder exchange; the engine puts it back
        if checkpoint != "latest" and not (path / name).is_dir() and not aside.is_dir():
            there = ", ".join(sorted(entry.name.removeprefix("checkpoint_") for entry in path.glob("checkpoint_*")))
            raise StorageError(expected=f"{path / name}", got=there or "no checkpoint", remedy="name one that is there")
        return cls(path=path, resume_from=name)

    def config(self) -> dict[str, object]:
        """The run's settings, dotted name -> value; those that were None are absent."""
        return from_toml(self.path / CONFIG)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second process out while this one writes; the lock ends with the process, however that ends."""
        with storage_errors(self.path):
            descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor, self.path)
            yield
        finally:
            os.close(descriptor)


def holds_run(path: Path) -> bool:
    """Whether a run has written into ``path``."""
    return any((path / name).exists() for name in (CONFIG, METRICS, LATEST, BEST)) or any(path.glob(EPOCH + "*"))


def require_no_run(path: Path) -> None:
    """Refuse a folder that holds a run: nothing is overwritten.

    Raises:
        StorageError: it does.
    """
    if holds_run(path):
        raise StorageError(
            expected=f"{path} to be free for a new run",
            got="a run",
            remedy=f"continue it with `leadline resume {path}`, or choose another folder",
        )


def _lock(descriptor: int, path: Path) -> None:
    try:
        # a record lock belongs to the process, so a loader worker that outlives it holds nothing
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            return  # a file system without locks
        raise StorageError(
            expected=f"{path} for this process alone", got="another process training in it", remedy="stop that one first"
        ) from error
