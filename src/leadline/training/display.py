# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a run: its plan and moments enter; a progress bar leaves, or a line now and then in a log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from leadline.training.state import Plan

_WINDOW = 50  # updates over which speed is averaged
_REFRESHES_PER_S = 2.0  # drawing takes the interpreter from the loop
_LINE_EVERY_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """One update as a person may want to see it.

    Attributes:
        epoch: counted from 0.
        update: updates made, this one included.
        loss: of this update.
        images: pictures of all ranks in this update.
        waited_s: time spent waiting for data.
        took_s: time of the whole update, the wait included.
    """

    epoch: int
    update: int
    loss: float
    images: int
    waited_s: float
    took_s: float


class Display(Protocol):
    """Watches a run."""

    def start(self, plan: Plan, done: int) -> None:
        """The run begins, or goes on after ``done`` updates."""

    def advance(self, moment: Moment) -> None:
        """An update was made."""

    def note(self, text: str) -> None:
        """Something worth a line happened."""

    def stop(self) -> None:
        """The run has ended, however it did."""


class SilentDisplay:
    """Shows nothing."""

    def start(self, plan: Plan, done: int) -> None:
        """Show nothing."""

    def advance(self, moment: Moment) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def stop(self) -> None:
        """Show nothing."""


class Pace:
    """Speed over the last updates.

    Args:
        plan: how long the run is.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._moments: deque[Moment] = deque(maxlen=_WINDOW)

    def text(self, moment: Moment) -> str:
        """``epoch 2/50  step 130/5000  loss 0.1234  31.2 images/s  data 4%  12:03 left``."""
        self._moments.append(moment)
        took_s = max(sum(one.took_s for one in self._moments), 1e-9)
        waited_s = sum(one.waited_s for one in self._moments)
        images = sum(one.images for one in self._moments)
        left_s = took_s / len(self._moments) * (self._plan.total_updates - moment.update)
        return (
            f"epoch {moment.epoch + 1}/{self._plan.epochs}  step {moment.update}/{self._plan.total_updates}  "
            f"loss {moment.loss:.4g}  {images / took_s:.1f} images/s  data {waited_s / took_s:.0%}  {_clock(left_s)} left"
        )


class BarDisplay:
    """A progress bar for a terminal; draws at most twice a second."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._drawn_s = clock, float("-inf")
        self._bar = Progress(BarColumn(), TextColumn("{task.description}"), console=console, auto_refresh=False)

    def start(self, plan: Plan, done: int) -> None:
        """Draw an empty bar, or one that is partly full."""
        self._pace = Pace(plan)
        self._task = self._bar.add_task("starting", total=plan.total_updates, completed=done)
        self._bar.start()

    def advance(self, moment: Moment) -> None:
        """Move the bar."""
        text = self._pace.text(moment)
        due = self._clock() - self._drawn_s >= 1.0 / _REFRESHES_PER_S
        self._bar.update(self._task, completed=moment.update, description=text, refresh=due)
        if due:
            self._drawn_s = self._clock()

    def note(self, text: str) -> None:
        """A line above the bar."""
        self._bar.console.print(text, markup=False, highlight=False)

    def stop(self) -> None:
        """Leave the bar as it stands."""
        self._bar.stop()


class LineDisplay:
    """A line every ten seconds and one for the last update, for a log file or a build server."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock

    def start(self, plan: Plan, done: int) -> None:
        """Say how long the run is."""
        self._pace, self._total, self._said_s = Pace(plan), plan.total_updates, self._clock()
        self.note(f"training: {plan.epochs} epochs, {plan.total_updates} steps, {done} done")

    def advance(self, moment: Moment) -> None:
        """Say something if the last line is long ago."""
        text = self._pace.text(moment)
        if self._clock() - self._said_s >= _LINE_EVERY_S or moment.update == self._total:
            self._said_s = self._clock()
            self.note(text)

    def note(self, text: str) -> None:
        """A line."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Nothing to tidy."""


def choose_display(console: Console) -> Display:
    """A bar where a person watches, lines where the output goes to a file or a build server."""
    return BarDisplay(console) if console.is_terminal else LineDisplay(console)


def _clock(seconds: float) -> str:
    """``7:05`` or ``1:02:03``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
