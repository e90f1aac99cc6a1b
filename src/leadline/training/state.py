# SPDX-License-Identifier: Apache-2.0
"""Where a run stands between two updates: values of updates enter, counters, epoch means and the best so far leave."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How long the run is.

    Attributes:
        epochs: passes over the longest stream.
        batches_per_epoch: batches of one rank.
        accumulate: batches of one update; the last update of an epoch takes what is left.
    """

    epochs: int
    batches_per_epoch: int
    accumulate: int

    @property
    def updates_per_epoch(self) -> int:
        """Optimiser updates in one epoch."""
        return -(-self.batches_per_epoch // self.accumulate)

    @property
    def total_updates(self) -> int:
        """Optimiser updates of the whole run."""
        return self.epochs * self.updates_per_epoch


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """The validation that chose ``checkpoint_best``.

    Attributes:
        value: its selection value, lower is better.
        name: what the value is.
        epoch: counted from 0.
    """

    value: float
    name: str
    epoch: int


@dataclass(kw_only=True, slots=True)
class RunState:
    """All that a resumed run must know beside tensors.

    Attributes:
        epoch: current epoch, from 0; the number of epochs when the run is complete.
        batch: batches of this epoch that have been used; all of them while the end of the epoch is still to do.
        update: optimiser updates made.
        sums, counted: sum of each logged value over this epoch's updates, and their number.
        best: best validation so far.
        log_bytes: length of metrics.jsonl at this state.
        to_beat, waited: the selection value that the next must be lower than, and how many epochs have not been since; None
            before the first validation.
        stopped: why the run ended before its last epoch; empty while it goes on, and when it is complete.
    """

    epoch: int = 0
    batch: int = 0
    update: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counted: int = 0
    best: Best | None = None
    log_bytes: int = 0
    to_beat: float | None = None
    waited: int = 0
    stopped: str = ""

    def count(self, values: dict[str, float], batches: int) -> None:
        """Add the values of one update that used ``batches`` batches."""
        self.batch += batches
        self.update += 1
        self.counted += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        """Mean of each value over the updates of this epoch."""
        return {name: value / self.counted for name, value in self.sums.items()}

    def next_epoch(self) -> None:
        """Begin the following epoch."""
        self.epoch, self.batch, self.sums, self.counted = self.epoch + 1, 0, {}, 0

    def improves(self, value: float) -> bool:
        """Whether ``value`` is the lowest so far; NaN never is."""
        return value < self.best.value if self.best else not math.isnan(value)

    def judge(self, value: float, *, min_delta: float) -> None:
        """Count an epoch as better where its selection value is lower by more than ``min_delta``; NaN never is."""
        better = value < self.to_beat - min_delta if self.to_beat is not None else not math.isnan(value)
        if better:
            self.to_beat, self.waited = value, 0
        else:
            self.waited += 1

    def is_out(self, patience: int) -> bool:
        """Whether so many epochs in a row were not better; a ``patience`` of 0 never ends."""
        return 0 < patience <= self.waited
