# SPDX-License-Identifier: Apache-2.0
"""The numbers of a run in Weights & Biases, on disk or online: tags and values enter, the rows of one run leave.

The keys are those of metrics.jsonl.  A run that goes on keeps its id, and what W&B was sent is not sent again.  It takes
nothing back: a row that metrics.jsonl loses to an interruption stays there, true since the run repeats it bit for bit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadline.contracts.errors import MissingExtraError, UsageError
from leadline.training.durable import storage_errors, write_file
from leadline.training.run import METRICS, TrackerSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadline.training.logs import Log

TRACKER = "tracker.json"
_AXES = frozenset({"step", "epoch"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """Up to where W&B has the run.

    Attributes:
        step: of the last row; -1 before the first.
        tags: what it has of that step.
    """

    step: int = -1
    tags: frozenset[str] = frozenset()

    def covers(self, step: int, tag: str) -> bool:
        """Whether W&B has this value."""
        return step < self.step or (step == self.step and tag in self.tags)


class BothLogs:
    """A log that tells two others, the first of which is on disk."""

    def __init__(self, first: Log, second: Log) -> None:
        self._first, self._second = first, second

    def scalars(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """To both, the disk first: what W&B has, metrics.jsonl had."""
        self._first.scalars(step, epoch, values)
        self._second.scalars(step, epoch, values)

    def timing(self, step: int, values: Mapping[str, float]) -> None:
        """To both."""
        self._first.timing(step, values)
        self._second.timing(step, values)

    def picture(self, tag: str, step: int, picture: NDArray[np.uint8]) -> None:
        """An (H, W, 3) uint8 RGB picture, to both.  StorageError when it cannot be written."""
        self._first.picture(tag, step, picture)
        self._second.picture(tag, step, picture)

    def secured(self) -> int:
        """What the first says, once both are secured."""
        self._second.secured()
        return self._first.secured()

    def close(self) -> None:
        """Both, whatever happens to the first."""
        try:
            self._first.close()
        finally:
            self._second.close()


class WandbLog:
    """The log of a run of W&B.

    Args:
        run: what ``wandb.init`` returned.
        image: makes a panel of an (H, W, 3) uint8 RGB array.
        sent: what W&B has already.
    """

    def __init__(self, run: Any, image: Any, sent: Sent) -> None:
        self._run, self._image, self._sent = run, image, sent
        # W&B counts rows by itself and drops those of an earlier count; ours is the axis instead, and may repeat
        run.define_metric("step")
        run.define_metric("*", step_metric="step")

    def scalars(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """One row, of what W&B does not have."""
        new = {tag: value for tag, value in values.items() if not self._sent.covers(step, tag)}
        if new:
            self._run.log({"step": step, "epoch": epoch, **new})

    def timing(self, step: int, values: Mapping[str, float]) -> None:
        """Nothing: W&B measures the machine by itself."""

    def picture(self, tag: str, step: int, picture: NDArray[np.uint8]) -> None:
        """One panel of an (H, W, 3) uint8 RGB picture; the last one's step comes again after an interruption."""
        if step >= self._sent.step:
            self._run.log({"step": step, tag: self._image(picture)})

    def secured(self) -> int:
        """W&B looks after its own files."""
        return 0

    def close(self) -> None:
        """No more rows; online, this waits until all are uploaded."""
        self._run.finish()


def require_wandb() -> Any:
    """The package wandb.  MissingExtraError where it is not installed."""
    try:
        package = import_module("wandb")
    except ImportError:
        package = None
    if not hasattr(package, "init"):  # W&B's own folder ./wandb is importable as an empty package
        raise MissingExtraError(
            expected="the package wandb", got="no such package", remedy="pip install 'leadline[wandb]', or say --wandb off"
        )
    return package


def sent_before(run: Path, settings: TrackerSettings) -> Sent:
    """What W&B has of the run in this folder, by tracker.json and the metrics.jsonl that an interruption left.

    Raises:
        StorageError: one of them cannot be read.
    """
    with storage_errors(run):
        noted = json.loads((run / TRACKER).read_bytes()) if (run / TRACKER).exists() else {}
        written = (run / METRICS).read_bytes() if (run / METRICS).exists() else b""
    if noted.get("run_id") != settings.run_id:
        return Sent()
    rows = _rows(written)
    last = max((row["step"] for row in rows), default=-1)
    tags = {tag for row in rows if row["step"] == last for tag in row} - _AXES
    before = Sent(step=noted["sent_step"], tags=frozenset(noted["sent_tags"]))
    return max(before, Sent(step=last, tags=frozenset(tags)), key=lambda one: (one.step, len(one.tags)))


def open_tracker(run: Path, settings: TrackerSettings, sent: Sent) -> WandbLog:
    """Start or continue the run in W&B; its files lie in ``run``/wandb.

    What metrics.jsonl has and W&B does not is sent first: a run may be given a tracker when it is resumed.

    Raises:
        MissingExtraError: wandb is not installed.
        UsageError: W&B refuses, e.g. for want of a key.
        StorageError: the folder cannot be written.
    """
    wandb = require_wandb()
    noted = {
        "run_id": settings.run_id,
        "project": settings.project,
        "entity": settings.entity,
        "sent_step": sent.step,
        "sent_tags": sorted(sent.tags),
    }
    try:
        opened = wandb.init(
            dir=str(run),
            id=settings.run_id,
            name=settings.name or settings.run_id,
            project=settings.project,
            entity=settings.entity or None,
            config={name: _plain(value) for name, value in settings.config.items()},
            mode="offline" if settings.mode == "offline" else None,  # None: WANDB_MODE, or online
            resume="allow",
            settings=wandb.Settings(console="off", silent=True),
        )
    except wandb.errors.Error as error:
        raise UsageError(
            expected=f"W&B to take the run {settings.run_id}",
            got=" ".join(str(error).split())[:200],
            remedy=f"`wandb login`, then `leadline resume {run}`; or go on with --resume {run} --wandb offline",
        ) from error
    write_file(run / TRACKER, json.dumps(noted).encode() + b"\n")
    log = WandbLog(opened, wandb.Image, sent)
    with storage_errors(run):
        rows = _rows((run / METRICS).read_bytes())
    for row in rows:
        values = {tag: math.nan if value is None else value for tag, value in row.items() if tag not in _AXES}
        log.scalars(row["step"], row["epoch"], values)
    return log


def _rows(written: bytes) -> list[dict[str, Any]]:
    """The whole lines of metrics.jsonl; the last may be torn."""
    return [json.loads(line) for line in written[: written.rfind(b"\n") + 1].splitlines()]


def _plain(value: object) -> object:
    """A hyper-parameter as JSON knows it."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
