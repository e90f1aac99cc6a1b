# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from leadline.models.depth_model import DepthModel
from leadline.models.weights import save_model
from leadline.recipes.metric.config import MetricConfig
from leadline.recipes.relative.config import RelativeConfig
from leadline.recipes.supervised.network import disparity_network
from leadline.recipes.supervised.report import report_run
from leadline.training.engine import TrainSummary
from tests.recipes.frames import write_labelled_folder
from tests.recipes.metric.test_recipe import toy_recipe

SUMMARY = TrainSummary(epochs=1, updates=2, best=None, scalars={}, skipped=[], seconds=3.0)


def test_report_run__scores_the_run_beside_two_guesses_and_each_further_dataset(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    config = MetricConfig(
        encoder="dinov2-toy",
        datasets=("procedural", "labelled_folder"),
        labelled_root=write_labelled_folder(tmp_path / "frames"),
        procedural_count=6,
        validation_images=4,
        max_depth=80.0,
        save_dir=run,
        device="cpu",
    )
    save_model(run / "checkpoint_best", toy_recipe().trained)
    report = report_run(config, SUMMARY, (28, 42))
    assert report is not None
    assert set(report.baselines) == {"constant", "mean-map"}
    assert report.result.images == 4
    assert all(row.key.startswith("test-") for row in report.result.rows)
    assert "which no choice was made on" in report.path.read_text()
    scored = json.loads((run / "evaluation.json").read_text())
    assert scored["dataset"] == "procedural"
    told = scored["settings"]["data"]
    assert (told["split"], told["root"], told["validation_images"]) == ("test", None, 4)
    assert told["options"]["height"] == 28
    other = json.loads((run / "evaluation_labelled_folder.json").read_text())
    assert other["dataset"] == "labelled_folder"
    assert other["settings"]["data"]["split"] == "val"
    assert other["settings"]["data"]["root"] == str(tmp_path / "frames")


def test_report_run__a_run_on_files_says_that_its_held_out_part_chose_the_epoch(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    root = write_labelled_folder(tmp_path / "frames")
    config = MetricConfig(
        encoder="dinov2-toy", datasets=("labelled_folder",), labelled_root=root, save_dir=run, device="cpu"
    )
    save_model(run / "checkpoint_best", toy_recipe().trained)
    report = report_run(config, SUMMARY, (28, 42))
    assert report is not None
    assert "by which the best epoch was chosen as well" in report.path.read_text()
    assert report.result.settings["range_m"] == [1e-3, 10.0]


def relative_config(tmp_path: Path, **changes: Any) -> RelativeConfig:
    run = tmp_path / "run"
    run.mkdir()
    torch.manual_seed(0)
    config = RelativeConfig(encoder="dinov2-toy", validation_images=2, max_depth=80.0, save_dir=run, device="cpu", **changes)
    save_model(run / "checkpoint_best", DepthModel(disparity_network(config)))
    return config


def test_report_run__a_dataset_that_was_learned_as_disparity_is_scored_in_the_metres_it_knows(tmp_path: Path) -> None:
    options = ("procedural.space=disparity", "procedural.sky=far")
    config = relative_config(tmp_path, datasets=("procedural",), procedural_count=6, dataset_option=options)
    report = report_run(config, SUMMARY, (28, 42))
    assert report is not None
    assert report.result.images == 2
    assert set(report.baselines) == {"constant", "mean-map"}


def test_report_run__truth_without_metres_is_not_scored_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_labelled_folder(tmp_path / "frames")
    config = relative_config(
        tmp_path, datasets=("labelled_folder",), labelled_root=root, dataset_option=("labelled_folder.space=disparity",)
    )
    assert report_run(config, SUMMARY, (28, 42)) is None
    assert "hold no metres" in caplog.text
