# SPDX-License-Identifier: Apache-2.0
"""Whole runs of the stereo recipe, small: to the end, cut off and gone on with, dry, and what is refused before a batch."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

import leadline
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, UsageError, WeightsError
from leadline.models.stereo.checkpoint import load_stereo_model
from leadline.recipes.stereo.config import StereoConfig
from leadline.recipes.stereo.run import train_stereo
from leadline.recipes.supervised.run import Start
from leadline.training.display import SilentDisplay
from tests.recipes.stereo.toy import run_config

START = Start(sources={}, display=SilentDisplay())


def lines(config: StereoConfig) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (config.save_dir / "metrics.jsonl").read_text().splitlines()]


def finished(folder: Path, **changes: Any) -> StereoConfig:
    config = run_config(folder, **changes)
    train_stereo(config, START)
    return config


def test_train_stereo__goes_through_its_stages_and_leaves_a_network_for_one_eye_and_for_two(tmp_path: Path) -> None:
    config = finished(tmp_path)
    by_epoch: dict[int, set[str]] = {}
    for line in lines(config):
        by_epoch.setdefault(line["epoch"], set()).update(line)
    assert "Train/EpochMono/Photometric" in by_epoch[0]
    assert not any("Stereo/" in tag and tag.startswith("Train/") for tag in by_epoch[0])
    assert {"Train/EpochStereo/Cost", "Train/LearningRate/stereo/matching"} <= by_epoch[1]
    assert {"Train/EpochRefine/Distillation", "Val/stereo/EPE", "Val/refined/D1", "Val/mono/ABS_REL"} <= by_epoch[2]
    model = load_stereo_model(config.save_dir)
    assert model.config.rig is not None
    assert model.config.rig.baseline_m == pytest.approx(0.2)
    predictor = leadline.load(config.save_dir, device="cpu", precision="fp32")
    depth = predictor.predict(torch.zeros(70, 90, 3, dtype=torch.uint8).numpy())
    assert (depth.kind, depth.values.shape) == (DepthKind.METRIC, (70, 90))
    assert (config.save_dir / "report.html").is_file()


def tensors(config: StereoConfig) -> bytes:
    return (config.save_dir / "checkpoint_latest" / "model.safetensors").read_bytes()


def test_train_stereo__goes_on_bit_for_bit_wherever_it_was_cut(tmp_path: Path) -> None:
    whole = finished(tmp_path / "whole", validate=False)
    part = run_config(tmp_path / "part", validate=False)
    train_stereo(dataclasses.replace(part, num_epochs=2), START)
    train_stereo(part, dataclasses.replace(START, checkpoint="latest"))
    assert tensors(whole) == tensors(part)


def test_dry_run__tells_configuration_parameters_and_rates_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = run_config(tmp_path, dry_run=True, num_epochs=50, start_stereo=21, start_refine=31)
    assert train_stereo(config, START) is None
    told = capsys.readouterr().out
    assert 'encoder = "dinov2-toy"' in told
    assert "| refine | 31 | refined |" in told
    rates = [line for line in told.splitlines() if line.startswith(("| 1 to 20", "| 21 to 30", "| 31 to 40", "| 46 to 50"))]
    assert rates == [
        "| 1 to 20 | 0.0001 | - | - |",
        "| 21 to 30 | 5e-05 | 0.0001 | - |",
        "| 31 to 40 | 2.5e-05 | 5e-05 | 0.0001 |",
        "| 46 to 50 | 6.25e-06 | 1.25e-05 | 2.5e-05 |",
    ]
    assert not config.save_dir.exists()


def test_train_stereo__a_dataset_without_pairs_is_refused_naming_those_with(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"rectified pairs \(.*kitti_stereo.*\).*got nyu"):
        finished(tmp_path, datasets=("nyu",))


def test_train_stereo__procedural_scenes_without_their_second_view_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="lacks STEREO"):
        finished(tmp_path, dataset_option=("procedural.stereo=false",))


def test_train_stereo__a_checkpoint_of_another_encoder_is_refused(tmp_path: Path) -> None:
    first = finished(tmp_path / "first", validate=False, num_epochs=1)
    with pytest.raises(WeightsError):
        finished(tmp_path / "second", encoder="swin-toy", pretrained_checkpoint=str(first.save_dir))


def test_train_stereo__a_frozen_trunk_wants_weights(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--pretrained-checkpoint, or --backbone full"):
        finished(tmp_path, backbone="frozen")


def test_train_stereo__says_that_the_perceptual_loss_is_off_without_its_weights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        config = finished(tmp_path, loss_mono=("photometric", "perceptual=0.01"), num_epochs=1, validate=False)
    assert any("perceptual loss is off" in message for message in caplog.messages)
    assert "Train/EpochMono/Perceptual" not in lines(config)[-1]


def test_train_stereo__says_that_baselines_differ(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        finished(tmp_path, dataset_option=("procedural.baseline_m=0",), num_epochs=1, validate=False)
    assert any("one eye cannot see how far apart" in message for message in caplog.messages)


def test_train_stereo__nothing_but_a_perceptual_loss_without_its_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--perceptual-weights, or another loss"):
        finished(tmp_path, loss_mono=("perceptual",))
