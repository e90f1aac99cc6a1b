# SPDX-License-Identifier: Apache-2.0
"""The numbers of a run on disk: tags and values enter; metrics.jsonl, timings.jsonl and TensorBoard events leave."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from torch.utils.tensorboard import SummaryWriter

from leadline.contracts.errors import StorageError
from leadline.training.durable import storage_errors
from leadline.training.run import METRICS, TIMINGS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Log(Protocol):
    """Where numbers go."""

    def scalars(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Values that depend on the run only; a resumed run writes the same."""

    def timing(self, step: int, values: Mapping[str, float]) -> None:
        """Values that depend on the machine and the hour."""

    def picture(self, tag: str, step: int, picture: NDArray[np.uint8]) -> None:
        """An (H, W, 3) uint8 RGB picture."""

    def secured(self) -> int:
        """Bring everything to the disk; the length of metrics.jsonl in bytes."""

    def close(self) -> None:
        """No more numbers."""


class NoLog:
    """The log of every rank but the first."""

    def scalars(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Drop them."""

    def timing(self, step: int, values: Mapping[str, float]) -> None:
        """Drop them."""

    def picture(self, tag: str, step: int, picture: NDArray[np.uint8]) -> None:
        """Drop it, whatever its shape."""

    def secured(self) -> int:
        """Nothing to secure."""
        return 0

    def close(self) -> None:
        """Nothing to close."""


class RunLog:
    """The log of a run folder.

    Args:
        run: the folder.
        keep_bytes: metrics.jsonl is cut to this length, that of the checkpoint from which the run goes on.
        first_step: TensorBoard hides what an interrupted run wrote from this step on.
        events: folder of the TensorBoard events; None puts them into the run folder.

    Raises:
        StorageError: the folder cannot be written, or metrics.jsonl is shorter than the checkpoint says.
    """

    def __init__(self, run: Path, *, keep_bytes: int, first_step: int, events: Path | None = None) -> None:
        self._run = run
        with storage_errors(run):
            _cut(run / METRICS, keep_bytes)
            _cut(run / TIMINGS, _whole_lines(run / TIMINGS))
            self._metrics = (run / METRICS).open("ab")
            self._timings = (run / TIMINGS).open("ab")
            # torch annotates none of SummaryWriter's methods
            self._events: Any = SummaryWriter(str(events or run), purge_step=first_step or None)

    def scalars(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """One line of metrics.jsonl and one TensorBoard value per tag."""
        with storage_errors(self._run / METRICS):
            self._metrics.write(_line({"step": step, "epoch": epoch, **values}))
            self._metrics.flush()
            for tag, value in values.items():
                self._events.add_scalar(tag, value, step)

    def timing(self, step: int, values: Mapping[str, float]) -> None:
        """One line of timings.jsonl."""
        with storage_errors(self._run / TIMINGS):
            self._timings.write(_line({"step": step, **values}))
            self._timings.flush()

    def picture(self, tag: str, step: int, picture: NDArray[np.uint8]) -> None:
        """One TensorBoard image from (H, W, 3) uint8 RGB.  StorageError when it cannot be written."""
        with storage_errors(self._run):
            self._events.add_image(tag, picture, step, dataformats="HWC")

    def secured(self) -> int:
        """Flush and fsync; the length of metrics.jsonl."""
        with storage_errors(self._run / METRICS):
            self._events.flush()
            os.fsync(self._metrics.fileno())
            return self._metrics.tell()

    def close(self) -> None:
        """Close all three files."""
        with storage_errors(self._run):
            self._metrics.close()
            self._timings.close()
            self._events.close()


def _line(values: Mapping[str, float]) -> bytes:
    """JSON has no NaN: what is not finite becomes null."""
    finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
    return json.dumps(finite, separators=(",", ":")).encode() + b"\n"


def _cut(path: Path, length: int) -> None:
    size = path.stat().st_size if path.exists() else 0
    if size < length:
        raise StorageError(
            expected=f"at least {length} bytes in {path}",
            got=f"{size}",
            remedy="put the file back, or resume from an earlier one",
        )
    if size > length:
        os.truncate(path, length)


def _whole_lines(path: Path) -> int:
    """Length up to the last newline: a killed run may have torn its last line."""
    return path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0
