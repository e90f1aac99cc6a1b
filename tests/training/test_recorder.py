# SPDX-License-Identifier: Apache-2.0
"""Tags of the reference trainer, and when they are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.test_logs import events
from tests.training.toy import ToyRecipe, changed, run_toy

SETTINGS = changed(epochs=2, log_interval=2, save_every_steps=0, ema_decay=0.0, schedule="step", lr_step_size=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorder") / "run"
    run_toy(path, SETTINGS, recipe=ToyRecipe(encoder_lr_factor=0.1))
    return path


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_batch_tags__every_interval_from_the_epochs_first_update(run: Path) -> None:
    found = [line for line in lines(run) if "Train/BatchLoss" in line]
    assert [(line["step"], line["epoch"]) for line in found] == [(0, 0), (2, 0), (4, 0), (5, 1), (7, 1), (9, 1)]
    assert set(found[0]) == {
        "step",
        "epoch",
        "Train/BatchLoss",
        "Train/BatchAbsolute",
        "Train/GradNorm",
        "Train/LearningRate",
        "Train/LearningRate/encoder",
        "Train/LearningRate/head",
    }


def test_epoch_tags__once_an_epoch_with_validation(run: Path) -> None:
    found = [line for line in lines(run) if "Train/EpochLoss" in line]
    assert [(line["step"], line["epoch"]) for line in found] == [(4, 0), (9, 1)]
    assert {"Train/EpochAbsolute", "Train/LearningRate", "Val/D1"} < set(found[0])


def test_learning_rate__is_logged_for_each_group_and_drops_by_the_schedule(run: Path) -> None:
    for line in lines(run):
        drop = 0.1 ** line["epoch"]
        assert line["Train/LearningRate/head"] == pytest.approx(1e-2 * drop)
        assert line["Train/LearningRate/encoder"] == pytest.approx(1e-3 * drop)
        assert line["Train/LearningRate"] == line["Train/LearningRate/encoder"]


def test_tensorboard__has_the_same_tags_and_the_pictures(run: Path) -> None:
    found = events(run)
    scalars = {tag for line in lines(run) for tag in line if "/" in tag}
    assert set(found.Tags()["scalars"]) == scalars
    assert set(found.Tags()["images"]) == {"Train/Prediction", "Val/Sample_0"}
    assert [e.step for e in found.Images("Train/Prediction")] == [0, 5]


def test_epoch_means__are_over_every_update_not_only_logged_ones(tmp_path: Path) -> None:
    run_toy(tmp_path, changed(SETTINGS, log_interval=1))
    found = lines(tmp_path)
    for epoch in (0, 1):
        batches = [line["Train/BatchLoss"] for line in found if line["epoch"] == epoch and "Train/BatchLoss" in line]
        (mean,) = [line["Train/EpochLoss"] for line in found if line["epoch"] == epoch and "Train/EpochLoss" in line]
        assert mean == pytest.approx(sum(batches) / 5, rel=1e-12)


def test_timings__have_speed_and_data_wait(run: Path) -> None:
    found = [json.loads(line) for line in (run / "timings.jsonl").read_text().splitlines()]
    assert len(found) == 6
    assert all(line["images_per_s"] > 0 and 0 <= line["data_wait"] <= 1 for line in found)
