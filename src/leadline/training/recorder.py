# SPDX-License-Identifier: Apache-2.0
"""What of a run is shown and logged, under which tag and when: updates and validations enter, lines and tags leave."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from leadline.training.collapse import ENOUGH, SIGNS, collapse_warning
from leadline.training.display import Display, Moment
from leadline.training.distributed import current
from leadline.training.placement import moved
from leadline.training.update import LOSS

if TYPE_CHECKING:
    from leadline.contracts.sample import Batch
    from leadline.training.logs import Log
    from leadline.training.placement import Placement
    from leadline.training.recipe import Recipe, ValidationResult
    from leadline.training.state import Plan, RunState
    from leadline.training.update import UpdateReport

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What an update took.

    Attributes:
        images: pictures of all ranks.
        waited_s, took_s: time waiting for data, and of the whole update.
    """

    images: int
    waited_s: float
    took_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorder:
    """Tells a log and a display.

    The x axis of every tag is the number of the update's last batch, epoch * batches per epoch + i.

    Attributes:
        log, display: where to.
        plan: how long the run is.
        log_interval: updates between two lines, counted in each epoch.
        warned: epochs in which this process has warned of a collapsed network.
    """

    log: Log
    display: Display
    plan: Plan
    log_interval: int
    warned: set[int] = field(default_factory=set)

    def update(self, state: RunState, report: UpdateReport, rates: Mapping[str, float], spent: Spent) -> None:
        """An update was made; ``state`` counts it already."""
        self.display.advance(
            Moment(
                epoch=state.epoch,
                update=state.update,
                loss=report.values[LOSS],
                images=spent.images,
                waited_s=spent.waited_s,
                took_s=spent.took_s,
            )
        )
        if (state.counted - 1) % self.log_interval == 0:
            batch = {_tag("Batch", name): value for name, value in report.values.items()}
            values = {**batch, **_rate_tags(rates), "Train/GradNorm": report.grad_norm}
            self.log.scalars(self._axis(state), state.epoch, values)
            speed = {"images_per_s": spent.images / spent.took_s, "data_wait": spent.waited_s / spent.took_s}
            self.log.timing(self._axis(state), {**speed, "time": time.time()})
            if state.counted > ENOUGH:
                self._warn(state)

    def epoch(self, state: RunState, rates: Mapping[str, float], validation: ValidationResult | None) -> dict[str, float]:
        """An epoch is complete, its validation included; its values by tag."""
        means = {_tag("Epoch", name): value for name, value in state.means().items()}
        self._warn(state)
        values = {**means, **_rate_tags(rates), **(validation.scalars if validation else {})}
        self.log.scalars(self._axis(state), state.epoch, values)
        for tag, picture in (validation.pictures if validation else {}).items():
            self.log.picture(tag, self._axis(state), picture)
        said = f"; {validation.selection_name} {validation.selection:.4g}" if validation else ""
        self.display.note(f"epoch {state.epoch + 1}/{self.plan.epochs}: loss {state.means()[LOSS]:.4g}{said}")
        return values

    def pictures(self, state: RunState, recipe: Recipe, batches: Mapping[str, Batch], placement: Placement) -> None:
        """Let the recipe draw what it makes of a training batch, after the first update of an epoch.

        ``batches``: stream name -> batch, shapes and units as in ``Batch``, on any device; moved to the run's.  StorageError
        when the log cannot be written.
        """
        if state.counted > 1:
            return
        recipe.eval()
        with torch.no_grad(), placement.autocast():
            drawn = recipe.pictures({name: moved(batch, placement.device) for name, batch in batches.items()})
        recipe.train()
        for tag, picture in drawn.items():
            self.log.picture(tag, self._axis(state), picture)

    def close(self) -> None:
        """The run has ended, however it did."""
        self.display.stop()
        self.log.close()

    def _warn(self, state: RunState) -> None:
        """At most once an epoch, and by rank 0 for all: they agree on the means."""
        text = collapse_warning(state.means()) if state.epoch not in self.warned else ""
        if text and current().rank == 0:
            self.warned.add(state.epoch)
            _log.warning("epoch %d: %s", state.epoch + 1, text)

    def _axis(self, state: RunState) -> int:
        return state.epoch * self.plan.batches_per_epoch + state.batch - 1


def _tag(span: str, name: str) -> str:
    """``Train/BatchLoss``; a sign of collapse, which is an alarm whatever is trained, ``Alarm/BatchConstant``."""
    return f"Alarm/{span}{name.removeprefix('Alarm/')}" if name in SIGNS else f"Train/{span}{name}"


def _rate_tags(rates: Mapping[str, float]) -> dict[str, float]:
    """The first group's rate under the tag of the reference trainer, and each group's under its own."""
    first = next(iter(rates.values()))
    return {"Train/LearningRate": first, **{f"Train/LearningRate/{name}": rate for name, rate in rates.items()}}
