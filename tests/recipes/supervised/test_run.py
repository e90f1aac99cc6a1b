# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import logging
from collections.abc import Mapping
from pathlib import Path

import pytest
from torch import Tensor

from leadline.contracts.errors import StorageError
from leadline.contracts.sample import Batch, Field
from leadline.losses.pooling import SumAcross
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import RelativeHeadConfig
from leadline.recipes.metric.config import MetricConfig
from leadline.recipes.supervised.data_config import DataConfig
from leadline.recipes.supervised.recipe import SupervisedRecipe, truth
from leadline.recipes.supervised.run import Start, described, rounded_size, train_supervised
from leadline.training.display import SilentDisplay
from leadline.training.recipe import ParameterGroup, Progress, StepResult
from leadline.training.run import RunFolder


def test_rounded_size__says_once_what_the_encoder_makes_of_the_default_384(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert rounded_size((384, 384), 14) == (378, 378)
        assert rounded_size((392, 518), 14) == (392, 518)
        assert rounded_size((5, 5), 14) == (14, 14)
    assert len([one for one in caplog.messages if "384x384 rounded to 378x378" in one]) == 1
    assert not any("392x518" in one for one in caplog.messages)


def test_described__names_the_recipe_and_the_source_of_each_value() -> None:
    settings = described(MetricConfig(lr=1.0), {"lr": "flag"})
    assert settings["recipe"].value == "metric"
    assert settings["lr"] == (1.0, "flag")
    assert settings["num_epochs"].source == "default"


class DisparityRecipe(SupervisedRecipe):
    """What a second recipe has to write: its network, its loss and which parameters learn."""

    needs = {"train": frozenset({Field.IMAGE, Field.DEPTH})}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.trained = DepthModel(DepthModelConfig(encoder="dinov2-toy", head=RelativeHeadConfig()))

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        return self.loss(self.predict(batches["train"]), batches["train"], progress.sum_across)

    def predict(self, batch: Batch) -> Tensor:
        disparity: Tensor = self.trained(self.trained.normalisation.apply(batch.image))
        return disparity

    def loss(self, predicted: Tensor, batch: Batch, sum_across: SumAcross) -> StepResult:  # noqa: ARG002
        depth_m, valid = truth(batch)
        return StepResult(loss=(predicted - 1 / depth_m.clamp(min=0.1))[valid].abs().mean())

    def parameter_groups(self) -> list[ParameterGroup]:
        learning = [one for one in self.trained.parameters() if one.requires_grad]
        return [ParameterGroup(name="all", parameters=learning)]


def test_train_supervised__refuses_a_folder_that_holds_a_run_before_anything_is_built(tmp_path: Path) -> None:
    RunFolder.create(tmp_path, {})
    config = DataConfig(datasets=("procedural",), save_dir=tmp_path, device="cpu", log_dir=tmp_path / "logs")

    def built() -> SupervisedRecipe:
        raise AssertionError

    with pytest.raises(StorageError, match=r"free for a new run; got a run; continue it with `leadline resume"):
        train_supervised(config, Start(sources={}, display=SilentDisplay()), build=built, initialise=lambda _: None)


def test_train_supervised__serves_a_recipe_of_another_kind_from_flags_to_report(tmp_path: Path) -> None:
    config = DataConfig(
        datasets=("procedural",),
        procedural_count=4,
        batch_size=2,
        num_epochs=1,
        num_workers=0,
        validation_images=3,
        target_size=(28, 42),
        max_depth=80.0,
        device="cpu",
        save_dir=tmp_path / "run",
        log_dir=tmp_path / "logs",
    )
    given: list[DepthModel] = []
    report = train_supervised(
        config, Start(sources={}, display=SilentDisplay()), build=DisparityRecipe, initialise=given.append
    )
    assert len(given) == 1
    assert report is not None
    assert report.result.settings["alignment"] == "scale-shift-disparity"
    assert 0 < report.result.metrics["abs_rel"] < 5
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert any(0 < line.get("Val/ABS_REL", 0) < 5 for line in lines)
    continued = dataclasses.replace(config, num_epochs=2)
    again = Start(sources={"num_epochs": "flag at resume"}, display=SilentDisplay(), checkpoint="latest")
    assert train_supervised(continued, again, build=DisparityRecipe, initialise=given.append) is not None
    assert len(given) == 1  # a continued run keeps its weights
    assert "flag at resume" in (tmp_path / "run" / "config.toml").read_text()
