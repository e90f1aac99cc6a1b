# SPDX-License-Identifier: Apache-2.0
"""Counters of a run."""

from __future__ import annotations

import math

import pytest

from leadline.training.state import Best, Plan, RunState


@pytest.mark.parametrize(("batches", "accumulate", "updates"), [(10, 1, 10), (10, 2, 5), (10, 3, 4), (2, 5, 1)])
def test_plan__counts_a_last_smaller_update(batches: int, accumulate: int, updates: int) -> None:
    plan = Plan(epochs=3, batches_per_epoch=batches, accumulate=accumulate)
    assert (plan.updates_per_epoch, plan.total_updates) == (updates, 3 * updates)


def test_means__are_over_the_updates_of_this_epoch() -> None:
    state = RunState()
    state.count({"Loss": 1.0, "SILog": 4.0}, 2)
    state.count({"Loss": 2.0, "SILog": 0.0}, 1)
    assert state.means() == {"Loss": 1.5, "SILog": 2.0}
    assert (state.epoch, state.batch, state.update, state.counted) == (0, 3, 2, 2)
    state.next_epoch()
    assert (state.epoch, state.batch, state.update, state.counted, state.sums) == (1, 0, 2, 0, {})


def test_improves__is_lower_and_never_nan() -> None:
    state = RunState()
    assert state.improves(3.0)
    assert not state.improves(math.nan)
    state.best = Best(value=2.0, name="Val/ABS_REL", epoch=0)
    assert state.improves(1.9)
    assert not state.improves(2.0)
    assert not state.improves(math.nan)


def test_judge__counts_epochs_that_are_not_lower_by_more_than_the_delta() -> None:
    state = RunState()
    waited = []
    for value in (math.nan, 3.0, 2.95, 2.9, 2.8, 2.6, math.nan, 2.0):
        state.judge(value, min_delta=0.1)
        waited.append(state.waited)
    assert waited == [1, 0, 1, 2, 0, 0, 1, 0]
    assert state.to_beat == 2.0
