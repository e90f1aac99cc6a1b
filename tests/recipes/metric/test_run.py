# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from leadline.contracts.errors import UsageError
from leadline.recipes.metric.config import MetricConfig
from leadline.recipes.metric.run import train_metric
from leadline.recipes.supervised.run import Start
from leadline.training.display import SilentDisplay


def test_train_metric__a_frozen_encoder_without_weights_is_refused(tmp_path: Path) -> None:
    config = MetricConfig(
        encoder="dinov2-toy", datasets=("procedural",), procedural_count=4, num_workers=0, save_dir=tmp_path / "run"
    )
    with pytest.raises(UsageError, match="--pretrained-checkpoint"):
        train_metric(config, Start(sources={}, display=SilentDisplay()))
    assert not (tmp_path / "run").exists()


def test_train_metric__a_log_dir_that_is_a_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("not a folder")
    config = MetricConfig(
        encoder="dinov2-toy", datasets=("procedural",), log_dir=tmp_path / "logs", save_dir=tmp_path / "run"
    )
    with pytest.raises(UsageError, match="a folder for --log-dir; got the file"):
        train_metric(config, Start(sources={}, display=SilentDisplay()))
    assert not (tmp_path / "run").exists()
