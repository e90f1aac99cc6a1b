# SPDX-License-Identifier: Apache-2.0
"""Whole runs of the recipe, small: crops, whole pictures, pictures alone and depth after them, cut off and gone on with."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.models.weights import load_model
from leadline.recipes.jepa.config import JepaConfig
from leadline.recipes.jepa.run import train_jepa
from leadline.recipes.supervised.run import Start
from leadline.training.display import SilentDisplay
from tests.recipes.jepa.toy import run_config

START = Start(sources={}, display=SilentDisplay())


def lines(config: JepaConfig) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (config.save_dir / "metrics.jsonl").read_text().splitlines()]


def test_train_jepa__trains_on_views_and_reports_metres(tmp_path: Path) -> None:
    config = run_config(tmp_path)
    report = train_jepa(config, START)
    assert report is not None
    assert report.path.is_file()
    first, *_, last = lines(config)
    assert {"Train/BatchDepth", "Train/BatchInvariance", "Train/BatchSIGReg", "Train/BatchEmbeddingEffectiveRank"} <= set(
        first
    )
    assert 0 <= last["Val/D1"] <= 1
    model = load_model(config.save_dir)
    assert (model.config.input_size, model.config.decoder, model.kind.unit) == (28, "upsample", "m")
    assert not any("judge" in name for name in model.state_dict())


def test_train_jepa__trains_on_whole_pictures_and_says_what_it_does_not_look_at(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = run_config(
        tmp_path,
        encoder="resnet10t",
        decoder_features=8,
        full_size=True,
        full_size_jepa=True,
        batch_size=1,
        accumulate=3,
        num_epochs=1,
        warmup_epochs=0.0,
        warmup_start=0.0,
        target_size=(40, 70),
        max_img_size=64,
    )
    with caplog.at_level(logging.INFO):
        assert train_jepa(config, START) is not None
    told = next(message for message in caplog.messages if message.startswith("--full-size"))
    assert "--v-global 2, --v-local 1" in told
    assert lines(config)[0]["Train/BatchInvariance"] == 0
    assert lines(config)[0]["Train/BatchSIGReg"] > 0
    assert load_model(config.save_dir).config.input_size == 32
    assert "target_size = [32, 64]" in (config.save_dir / "config.toml").read_text()


def test_train_jepa__pictures_alone_give_an_encoder_that_depth_goes_on_from(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = run_config(tmp_path, depth_weight=0.0, jepa_weight=1.0, num_epochs=1)
    with caplog.at_level(logging.INFO):
        assert train_jepa(config, START) is None
    assert any("no depth to validate" in message for message in caplog.messages)
    assert "Train/BatchDepth" not in lines(config)[0]
    learned = load_model(config.save_dir).encoder.state_dict()
    fine = dataclasses.replace(
        config,
        depth_weight=1.0,
        jepa_weight=0.0,
        freeze_encoder=True,
        pretrained_checkpoint=str(config.save_dir),
        save_dir=tmp_path / "fine",
    )
    assert train_jepa(fine, START) is not None
    after = load_model(fine.save_dir).encoder.state_dict()
    assert all(torch.equal(after[name], value) for name, value in learned.items())


def test_train_jepa__one_that_goes_on_ends_as_one_that_was_not_cut_off(tmp_path: Path) -> None:
    straight = run_config(tmp_path, accumulate=2, batch_size=1)
    train_jepa(straight, START)
    half = dataclasses.replace(
        straight, save_dir=tmp_path / "half", num_epochs=1, schedule="constant", min_lr=0.0, validate=False
    )
    train_jepa(half, START)
    whole = dataclasses.replace(half, save_dir=tmp_path / "whole", num_epochs=2)
    train_jepa(whole, START)
    train_jepa(dataclasses.replace(half, num_epochs=2), dataclasses.replace(START, checkpoint="latest"))
    one, other = (load_model(config.save_dir).state_dict() for config in (whole, half))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert lines(whole) == lines(half)


def test_train_jepa__sizes_that_no_patch_divides_are_rounded_with_a_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = run_config(tmp_path, target_size=(30, 40), local_size=(96,), num_epochs=1, validate=False)
    with caplog.at_level(logging.WARNING):
        train_jepa(config, START)
    assert any("30x40 rounded to 28x42" in message for message in caplog.messages)
    assert any("96x96 rounded to 98x98" in message for message in caplog.messages)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"full_size": True, "max_img_size": 10}, "raise --max-img-size"),
        ({"freeze_encoder": True}, "--no-freeze-encoder"),
        ({"encoder": "resnet8000"}, "the name of a timm model"),
        ({"datasets": ("image_folder",)}, "depth or ordinal pairs"),
    ],
)
def test_train_jepa__refuses_what_cannot_work_before_anything_is_written(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        train_jepa(run_config(tmp_path, **changes), START)
    assert not (tmp_path / "run").exists()
