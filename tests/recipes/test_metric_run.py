# SPDX-License-Identifier: Apache-2.0
import logging
from pathlib import Path

import pytest

from leadline.contracts.errors import UsageError
from leadline.recipes.metric_config import MetricConfig
from leadline.recipes.metric_run import described, engine_settings, rounded_size, train_metric
from leadline.training.display import SilentDisplay


def test_rounded_size__says_once_what_the_encoder_makes_of_the_default_384(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert rounded_size((384, 384), 14) == (378, 378)
        assert rounded_size((392, 518), 14) == (392, 518)
        assert rounded_size((5, 5), 14) == (14, 14)
    assert len([one for one in caplog.messages if "384x384 rounded to 378x378" in one]) == 1
    assert not any("392x518" in one for one in caplog.messages)


def test_train_metric__a_frozen_encoder_without_weights_is_refused(tmp_path: Path) -> None:
    config = MetricConfig(
        encoder="dinov2-toy", datasets=("procedural",), procedural_count=4, num_workers=0, save_dir=tmp_path / "run"
    )
    with pytest.raises(UsageError, match="--pretrained-checkpoint"):
        train_metric(config, {}, SilentDisplay())
    assert not (tmp_path / "run").exists()


def test_train_metric__a_log_dir_that_is_a_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("not a folder")
    config = MetricConfig(
        encoder="dinov2-toy", datasets=("procedural",), log_dir=tmp_path / "logs", save_dir=tmp_path / "run"
    )
    with pytest.raises(UsageError, match="a folder for --log-dir; got the file"):
        train_metric(config, {}, SilentDisplay())
    assert not (tmp_path / "run").exists()


def test_engine_settings__every_shared_name_carries_over() -> None:
    settings = engine_settings(MetricConfig(lr=3e-4, num_epochs=7, max_grad_norm=0.0, accumulate=3, ema_decay=0.5))
    assert (settings.lr, settings.epochs, settings.max_grad_norm, settings.accumulate, settings.ema_decay) == (
        3e-4,
        7,
        0.0,
        3,
        0.5,
    )
    assert engine_settings(MetricConfig()).no_decay == ()
    assert set(engine_settings(MetricConfig(decay_norm_and_bias=False)).no_decay) == {
        "bias",
        "norm",
        "pos_embed",
        "layer_scale",
    }


def test_described__names_the_recipe_and_the_source_of_each_value() -> None:
    settings = described(MetricConfig(lr=1.0), {"lr": "flag"})
    assert settings["recipe"].value == "metric"
    assert settings["lr"] == (1.0, "flag")
    assert settings["num_epochs"].source == "default"
