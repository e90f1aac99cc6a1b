# SPDX-License-Identifier: Apache-2.0
"""What a person sees."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from leadline.training.display import BarDisplay, Display, LineDisplay, Moment, Pace, SilentDisplay, choose_display
from leadline.training.state import Plan

PLAN = Plan(epochs=3, batches_per_epoch=10, accumulate=1)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def moment(update: int, took_s: float = 2.0) -> Moment:
    return Moment(epoch=(update - 1) // 10, update=update, loss=0.12345, images=8, waited_s=0.5, took_s=took_s)


def test_pace__says_place_loss_speed_wait_and_time_left_for_the_whole_run() -> None:
    assert Pace(PLAN).text(moment(12)) == ("epoch 2/3  step 12/30  loss 0.1235  4.0 images/s  data 25%  0:36 left")


@pytest.mark.parametrize(("took_s", "left"), [(0.01, "0:00 left"), (10.0, "4:50 left"), (1000.0, "8:03:20 left")])
def test_pace__writes_time_as_a_clock_does(took_s: float, left: str) -> None:
    assert Pace(PLAN).text(moment(1, took_s)).endswith(f"  {left}")


def test_pace__averages_over_the_last_updates_only() -> None:
    pace = Pace(PLAN)
    pace.text(moment(1, took_s=1e6))
    texts = [pace.text(moment(update)) for update in range(2, 53)]
    assert "4.0 images/s" in texts[-1]
    assert "4.0 images/s" not in texts[-3]


def test_lines__come_at_sensible_intervals_and_at_the_end() -> None:
    output, clock = io.StringIO(), Clock()
    display = LineDisplay(Console(file=output, width=40), clock)
    display.start(PLAN, 0)
    for update in range(1, 31):
        clock.now_s += 3.0
        display.advance(moment(update))
    display.note("epoch 1/3: [bold]loss")
    display.stop()
    lines = output.getvalue().splitlines()
    assert lines[0] == "training: 3 epochs, 30 steps, 0 done"
    assert [line.split()[3] for line in lines[1:-1]] == [f"{n}/30" for n in (4, 8, 12, 16, 20, 24, 28, 30)]
    assert lines[-1] == "epoch 1/3: [bold]loss"


def test_bar__shows_the_run_and_draws_at_most_twice_a_second() -> None:
    output, clock = io.StringIO(), Clock()
    display = BarDisplay(Console(file=output, force_terminal=True, width=120), clock)
    display.start(PLAN, 10)
    drawn = []
    for update in range(11, 31):
        clock.now_s += 0.1
        before = output.tell()
        display.advance(moment(update))
        drawn.append(output.tell() > before)
    display.stop()
    assert sum(drawn) == 4
    assert "images/s" in output.getvalue()


@pytest.mark.parametrize(("terminal", "kind"), [(True, BarDisplay), (False, LineDisplay)])
def test_choice__is_a_bar_only_where_a_person_watches(terminal: object, kind: type) -> None:
    assert isinstance(choose_display(Console(file=io.StringIO(), force_terminal=bool(terminal))), kind)


@pytest.mark.parametrize("terminal", [True, False])
def test_display__can_be_stopped_before_it_started(terminal: object) -> None:
    choose_display(Console(file=io.StringIO(), force_terminal=bool(terminal))).stop()


@pytest.mark.parametrize("kind", ["bar", "line", "silent"])
def test_display__costs_little_per_update(kind: str) -> None:
    console = Console(file=io.StringIO(), force_terminal=kind == "bar")
    display: Display = SilentDisplay() if kind == "silent" else choose_display(console)
    display.start(PLAN, 0)
    began_s = time.process_time()
    for _ in range(200):
        display.advance(moment(5))
    display.note("done")
    display.stop()
    assert (time.process_time() - began_s) / 200 < 2e-3
