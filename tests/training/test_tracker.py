# SPDX-License-Identifier: Apache-2.0
"""Weights & Biases: the rows it is sent, over interruptions as well, by a stand-in; and the real package without network."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from leadline.contracts.errors import MissingExtraError, UsageError
from leadline.contracts.sample import Batch
from leadline.training.run import RunFolder, TrackerSettings
from leadline.training.tracker import Sent, open_tracker, sent_before
from tests.training.test_engine import lines
from tests.training.toy import ToyStream, changed, run_toy

TRACKED = TrackerSettings(
    mode="offline", run_id="run-1", config={"lr": 0.1, "sizes": (3, 4), "where": Path("a"), "no": None}
)
SETTINGS = changed(save_every_steps=0, log_interval=2)


class RefusedError(Exception):
    pass


class FakeWandb(ModuleType):
    """What Leadline uses of the package, writing down everything."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.opened: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        self.finished = 0
        self.metrics: list[tuple[str, str | None]] = []
        self.refusal = ""
        self.errors = SimpleNamespace(Error=RefusedError)

    def Settings(self, **values: object) -> Mapping[str, object]:  # noqa: N802  W&B's name
        return values

    def Image(self, picture: np.ndarray[Any, Any]) -> str:  # noqa: N802
        return f"picture {picture.shape}"

    def init(self, **values: Any) -> FakeWandb:
        if self.refusal:
            raise RefusedError(self.refusal)
        self.opened.append(values)
        return self

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self.metrics.append((name, step_metric))

    def log(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def finish(self) -> None:
        self.finished += 1

    @property
    def scalars(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if "epoch" in row]


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> FakeWandb:
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    return fake


def test_run__sends_the_rows_of_metrics_jsonl_and_the_pictures(tmp_path: Path, wandb: FakeWandb) -> None:
    run_toy(tmp_path, SETTINGS, tracker=TRACKED)
    assert wandb.scalars == lines(tmp_path)
    assert {"Train/BatchAbsolute", "Train/GradNorm", "Train/LearningRate/head"} < set(wandb.scalars[0])
    panels = [(row["step"], tag) for row in wandb.rows for tag in row if tag not in {"step"} and "epoch" not in row]
    assert panels == [(0, "Train/Prediction"), (4, "Val/Sample_0"), (5, "Train/Prediction"), (9, "Val/Sample_0")]
    assert ("*", "step") in wandb.metrics
    assert wandb.finished == 1


def test_run__is_opened_under_its_id_without_an_entity_of_ours(tmp_path: Path, wandb: FakeWandb) -> None:
    run_toy(tmp_path, SETTINGS, tracker=TRACKED)
    (opened,) = wandb.opened
    assert (opened["id"], opened["name"], opened["entity"], opened["project"]) == ("run-1", "run-1", None, "leadline")
    assert (opened["dir"], opened["mode"], opened["resume"]) == (str(tmp_path), "offline", "allow")
    assert opened["config"] == {"lr": 0.1, "sizes": [3, 4], "where": "a", "no": None}


class Killed(Exception):  # noqa: N818
    """As a kill would: nothing is saved on the way out."""


@pytest.mark.parametrize("position", [3, 7, 8])
def test_interrupted_run__is_continued_under_its_id_and_no_row_comes_twice(
    tmp_path: Path, wandb: FakeWandb, position: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(here: int, batch: Batch) -> Batch:
        if here == position:
            monkeypatch.setattr("leadline.training.session.publish", lambda *_: None)  # the process has no time to save
            raise Killed
        return batch

    with pytest.raises(Killed):
        run_toy(tmp_path, SETTINGS, stream=ToyStream(spoil=die), tracker=TRACKED)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    run_toy(tmp_path, SETTINGS, resume="latest", tracker=TRACKED)
    assert [one["id"] for one in wandb.opened] == ["run-1", "run-1"]
    steps = [row["step"] for row in wandb.rows]
    assert steps == sorted(steps)
    assert wandb.scalars == lines(tmp_path)  # as if nothing had happened


def test_kill_in_validation__sends_the_validation_of_that_step_after_resuming(tmp_path: Path, wandb: FakeWandb) -> None:
    def die(epoch: int) -> None:
        if epoch == 0:
            raise Killed

    with pytest.raises(Killed):
        run_toy(tmp_path, SETTINGS, before_validation=die, tracker=TRACKED)
    assert wandb.scalars[-1]["step"] == 4  # the last batch of the epoch has the step of its end
    run_toy(tmp_path, SETTINGS, resume="latest", tracker=TRACKED)
    assert values_of(wandb.scalars) == values_of(lines(tmp_path))  # the rates of that step had been sent


def values_of(rows: list[dict[str, Any]]) -> set[tuple[int, str, float]]:
    """(step, tag, value)."""
    return {(row["step"], tag, value) for row in rows for tag, value in row.items()}


def test_going_back_to_an_older_checkpoint__sends_nothing_again(tmp_path: Path, wandb: FakeWandb) -> None:
    run_toy(tmp_path, SETTINGS, tracker=TRACKED)
    run_toy(tmp_path, SETTINGS, resume="epoch_0", tracker=TRACKED)
    assert wandb.scalars == lines(tmp_path)
    noted = json.loads((tmp_path / "tracker.json").read_text())
    assert (noted["run_id"], noted["sent_step"]) == ("run-1", 9)


def test_run_with_nothing_left_to_do__is_not_opened_again(tmp_path: Path, wandb: FakeWandb) -> None:
    for resume in (None, "latest"):
        run_toy(tmp_path / "complete", SETTINGS, resume=resume, tracker=TRACKED)
        stopping = changed(SETTINGS, epochs=3, patience=1)
        run_toy(tmp_path / "stopped", stopping, resume=resume, selections=(1.0, 2.0, 3.0), tracker=TRACKED)
    assert len(wandb.opened) == wandb.finished == 2


def test_tracker_given_when_resuming__is_sent_what_came_before(tmp_path: Path, wandb: FakeWandb) -> None:
    run_toy(tmp_path, changed(SETTINGS, epochs=1, schedule="constant"))
    run_toy(tmp_path, changed(SETTINGS, epochs=2, schedule="constant"), resume="latest", tracker=TRACKED)
    assert wandb.scalars == lines(tmp_path)


def test_copied_run_with_another_id__is_another_run(tmp_path: Path, wandb: FakeWandb) -> None:  # noqa: ARG001
    run_toy(tmp_path, SETTINGS, tracker=TRACKED)
    other = TrackerSettings(mode="offline", run_id="run-2", config={})
    assert sent_before(tmp_path, other) == Sent()
    assert sent_before(tmp_path, TRACKED).step == 9


def test_sent__covers_earlier_steps_and_the_tags_of_the_last() -> None:
    sent = Sent(step=4, tags=frozenset({"a"}))
    assert [sent.covers(3, "b"), sent.covers(4, "a"), sent.covers(4, "b"), sent.covers(5, "a")] == [True, True, False, False]


def test_values_that_were_no_numbers__are_sent_again_as_none(tmp_path: Path, wandb: FakeWandb) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step":0,"epoch":0,"a":null}\n{"step":1,"ep')
    open_tracker(tmp_path, TRACKED, Sent())
    (row,) = wandb.rows
    assert math.isnan(row.pop("a"))
    assert row == {"step": 0, "epoch": 0}


def test_refusal__is_one_line_that_says_how_to_go_on(tmp_path: Path, wandb: FakeWandb) -> None:
    wandb.refusal = "api_key not configured (no-tty)\ncall wandb.login"
    with pytest.raises(UsageError, match=r"api_key not configured.*--wandb offline") as caught:
        run_toy(tmp_path, SETTINGS, tracker=TRACKED)
    assert "\n" not in str(caught.value)


def test_online__leaves_the_mode_to_the_environment(tmp_path: Path, wandb: FakeWandb) -> None:
    online = TrackerSettings(mode="online", run_id="run-1", entity="team", name="first", config={"inf": math.inf})
    run_toy(tmp_path, SETTINGS, tracker=online)
    (opened,) = wandb.opened
    assert (opened["mode"], opened["entity"], opened["name"], opened["config"]) == (None, "team", "first", {"inf": "inf"})


@pytest.mark.parametrize("there", [None, ModuleType("wandb")], ids=["none", "W&B's own folder of files"])
def test_missing_package__is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: ModuleType | None) -> None:
    monkeypatch.setitem(sys.modules, "wandb", there)
    with pytest.raises(MissingExtraError, match=r"pip install 'leadline\[wandb\]'"):
        run_toy(tmp_path, SETTINGS, tracker=TRACKED)


@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed")
def test_real_package_offline__writes_the_runs_and_continues_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # no ~/.netrc either
    run = tmp_path / "run"
    RunFolder.create(run, {})
    for step in (0, 5):
        time.sleep(step / 5 * 1.1)  # W&B names its folders by the second
        log = open_tracker_with(run, step)
        log.scalars(step, 0, {"Train/BatchLoss": 1.5, "Val/D1": math.nan})
        log.picture("Val/Sample_0", step, np.full((8, 6, 3), 90, np.uint8))
        log.close()
    import_module("wandb").teardown()  # its writer is a process of its own, and ends with ours
    written = sorted((run / "wandb").glob("offline-run-*-run-1/run-run-1.wandb"))
    assert len(written) == 2  # of one run: `wandb sync` puts them together, in order
    assert all(b"Train/BatchLoss" in path.read_bytes() for path in written)
    assert list((run / "wandb").glob("offline-run-*/files/media/images/Val/Sample_0*.png"))


def open_tracker_with(run: Path, step: int) -> Any:
    (run / "metrics.jsonl").write_bytes(b"")
    return open_tracker(run, TRACKED, Sent(step=step - 1))
