# SPDX-License-Identifier: Apache-2.0
"""Runs that end because they got no better: when, what they say, and that no interruption changes it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from leadline.contracts.errors import UsageError
from leadline.training.display import SilentDisplay
from leadline.training.engine import Callbacks, train
from leadline.training.run import RunFolder
from tests.training.crash import Fault, exit_code
from tests.training.test_distributed import on_two_ranks
from tests.training.test_engine import Watching, lines
from tests.training.test_session import saved_state
from tests.training.toy import ToyRecipe, ToyStream, changed, digest, run_toy, saver

SETTINGS = changed(epochs=6, patience=2, schedule="constant", save_every_steps=0)
VALUES = (3.0, 2.0, 2.5, 2.0, 1.0, 0.5)  # the fourth epoch is the second in a row that is not lower


def test_patience__ends_the_run_and_says_why(tmp_path: Path) -> None:
    display = Watching()
    summary = run_toy(tmp_path, SETTINGS, selections=VALUES, display=display)
    assert (summary.epochs, summary.updates) == (4, 20)
    assert "Val/D1 was not lower by more than 0 for 2 epochs" in summary.stopped
    assert "the best is 2 of epoch 2 and 4 of 6 epochs are done" in summary.stopped
    assert [note for note in display.notes if note == f"stopped early: {summary.stopped}"]
    assert saved_state(tmp_path, "checkpoint_latest")["stopped"] == summary.stopped
    assert [line["epoch"] for line in lines(tmp_path) if "Val/D1" in line] == [0, 1, 2, 3]
    assert summary.best is not None
    assert saved_state(tmp_path, "checkpoint_best")["epoch"] == 2  # after epoch 1, counted from 0


@pytest.mark.parametrize(
    ("changes", "epochs"),
    [({"patience": 0}, 6), ({"patience": 3}, 6), ({"patience": 1}, 3), ({"min_delta": 1.0, "patience": 1}, 2)],
)
def test_patience__counts_epochs_in_a_row_and_by_more_than_the_delta(
    tmp_path: Path, changes: dict[str, float], epochs: int
) -> None:
    summary = run_toy(tmp_path, changed(SETTINGS, **changes), selections=VALUES)
    assert summary.epochs == epochs
    assert (summary.stopped == "") == (epochs == 6)


def test_patience__waits_for_a_first_number(tmp_path: Path) -> None:
    summary = run_toy(tmp_path, SETTINGS, selections=(math.nan,) * 6)
    assert summary.epochs == 2
    assert "none was a number" in summary.stopped


def test_stopped_run__does_nothing_when_resumed_and_says_so(tmp_path: Path) -> None:
    first = run_toy(tmp_path, SETTINGS, selections=VALUES)
    before, display = digest(tmp_path), Watching()
    second = run_toy(tmp_path, SETTINGS, selections=VALUES, resume="latest", display=display)
    assert digest(tmp_path) == before
    assert second.stopped == first.stopped
    assert display.notes == [f"nothing to do, the run has stopped early: {first.stopped}"]


def test_complete_run__says_that_nothing_is_left(tmp_path: Path) -> None:
    run_toy(tmp_path)
    display = Watching()
    run_toy(tmp_path, resume="latest", display=display)
    assert display.notes == ["nothing to do, all 2 epochs are done; --num-epochs asks for more"]


def test_more_patience__goes_on_as_if_it_had_always_been_there(tmp_path: Path) -> None:
    run_toy(tmp_path / "parts", SETTINGS, selections=VALUES)
    more = changed(SETTINGS, patience=3)
    assert run_toy(tmp_path / "parts", more, selections=VALUES, resume="latest", recipe=ToyRecipe(seed=5)).epochs == 6
    run_toy(tmp_path / "whole", more, selections=VALUES)
    parts, whole = digest(tmp_path / "parts"), digest(tmp_path / "whole")
    assert {name for name in whole if parts[name] != whole[name]} == {"checkpoint_epoch_3/training_state.json"}  # its reason


def test_less_patience__ends_a_resumed_run_at_once(tmp_path: Path) -> None:
    run_toy(tmp_path, changed(SETTINGS, epochs=3, patience=3), selections=VALUES)
    assert run_toy(tmp_path, changed(SETTINGS, patience=1), selections=VALUES, resume="latest").epochs == 3
    assert "not lower" in str(saved_state(tmp_path, "checkpoint_latest")["stopped"])


@pytest.mark.parametrize("count", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_kill_around_the_stop__ends_in_the_same_bytes(tmp_path: Path, count: int) -> None:
    # the toy's validation is worse in odd epochs: patience 1 ends it after the second of four
    settings = changed(epochs=4, patience=1, save_every_steps=0)
    assert exit_code(tmp_path / "whole", settings=settings) == 0
    assert json.loads((tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()[-1])["epoch"] == 1
    calls = int((tmp_path / "whole.calls").read_text())
    for back in range(count):
        path = tmp_path / f"back{back}"
        assert exit_code(path, Fault(at_call=calls - 1 - 11 * back), settings) < 0
        assert exit_code(path, settings=settings) == 0
        assert digest(path) == digest(tmp_path / "whole")


def _stopping(rank: int, path: Path) -> None:
    summary = run_toy(path, SETTINGS, stream=ToyStream(rank=rank, world=2), selections=VALUES if rank == 0 else (0.0,) * 6)
    assert summary.epochs == 4


def test_two_ranks__stop_after_the_same_epoch(tmp_path: Path) -> None:
    assert on_two_ranks(_stopping, tmp_path / "run") == [0, 0]


def test_patience_without_validation__is_refused(tmp_path: Path) -> None:
    recipe = ToyRecipe()
    with pytest.raises(UsageError, match="--patience 2 without validation"):
        train(
            recipe,
            {"train": ToyStream()},
            SETTINGS,
            RunFolder.create(tmp_path, {}),
            Callbacks(validate=None, save_model=saver(recipe), display=SilentDisplay()),
        )


def test_longer_run__has_the_rates_of_its_new_horizon(tmp_path: Path) -> None:
    cosine = changed(epochs=2, schedule="warmup-cosine", lr=1e-4, log_interval=5, patience=0)
    run_toy(tmp_path, cosine)
    run_toy(tmp_path, changed(cosine, epochs=4), resume="latest")
    (rate,) = [line["Train/LearningRate/head"] for line in lines(tmp_path) if line["step"] == 10]
    assert rate == pytest.approx(5.0e-5)  # half of four epochs, not the end of two
