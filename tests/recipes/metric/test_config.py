# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leadline.cli.arguments import parse
from leadline.contracts.errors import UsageError
from leadline.recipes.metric.config import MetricConfig

# Section 1.1 of the ledger: the flags of the DA2+Zoe reference trainer and their defaults.
REFERENCE_DEFAULTS: dict[str, Any] = {
    "encoder": "vitl",
    "n_bins": 64,
    "bin_centers_type": "softplus",
    "bin_embedding_dim": 128,
    "min_depth": 1e-3,
    "max_depth": 10.0,
    "n_attractors": (16, 8, 4, 1),
    "attractor_alpha": 300.0,
    "attractor_gamma": 2,
    "attractor_kind": "sum",
    "attractor_type": "inv",
    "min_temp": 5.0,
    "max_temp": 50.0,
    "train_encoder": False,
    "encoder_lr_factor": 10.0,
    "batch_size": 4,
    "num_epochs": 50,
    "lr": 1e-4,
    "weight_decay": 1e-4,
    "lr_step_size": 15,
    "lr_gamma": 0.1,
    "max_grad_norm": 1.0,
    "use_lr_params": True,
    "silog_weight": 1.0,
    "grad_weight": 0.5,
    "metric_silog_weight": 0.5,
    "datasets": ("nyu", "sunrgbd"),
    "target_size": (384,),
    "num_workers": 4,
    "pin_memory": True,
    "use_bfx_depth": False,
    "save_dir": Path("./checkpoints"),
    "log_dir": Path("./logs"),
    "pretrained_checkpoint": "",
    "resume": "",
    "log_interval": 10,
    "validate": True,
}

CUSTOM = (
    "--encoder vitl --n-bins 64 --bin-centers-type softplus --min-depth 0.1 --max-depth 10.0 --n-attractors 16 8 4 1 "
    "--attractor-type inv --batch-size 4 --num-epochs 100 --lr 1e-4 --weight-decay 1e-4 --lr-step-size 30 --lr-gamma 0.1 "
    "--datasets nyu sunrgbd ibims --nyu-csv a.csv --nyu-root a --sunrgbd-json b.json --sunrgbd-root b --ibims-root c "
    "--save-dir ./checkpoints --log-dir ./logs --train-encoder --encoder-lr-factor 10 --validate"
)


@pytest.mark.parametrize(("name", "value"), REFERENCE_DEFAULTS.items())
def test_metric_config__has_the_reference_defaults(name: str, value: object) -> None:
    assert getattr(MetricConfig(), name) == value


def test_metric_config__the_command_of_the_reference_parses() -> None:
    config = parse(MetricConfig, CUSTOM.split(), prog="leadline train metric").value
    assert config.datasets == ("nyu", "sunrgbd", "ibims")
    assert config.train_encoder
    assert (config.lr_step_size, config.num_epochs, config.min_depth) == (30, 100, 0.1)


@pytest.mark.parametrize("switch", ["use-lr-params", "pin-memory", "validate", "train-encoder", "augment", "use-bfx-depth"])
def test_metric_config__every_switch_goes_both_ways(switch: str) -> None:
    field = switch.replace("-", "_")
    assert getattr(parse(MetricConfig, [f"--{switch}"], prog="t").value, field) is True
    assert getattr(parse(MetricConfig, [f"--no-{switch}"], prog="t").value, field) is False


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"encoder_lr_factor": 0.0}, "--encoder-lr-factor"),
        ({"num_epochs": 0}, "--num-epochs of at least 1"),
        ({"target_size": (1, 2, 3)}, "--target-size"),
        ({"silog_weight": 0.0, "grad_weight": 0.0, "metric_silog_weight": 0.0}, "loss weights"),
        ({"grad_weight": -1.0}, "loss weights"),
        ({"grad_weight": float("nan")}, "a finite number for --grad-weight"),
    ],
)
def test_metric_config__refuses_what_cannot_be_meant(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        MetricConfig(**changes)


def test_metric_config__is_read_without_torch() -> None:
    code = "import sys, leadline.recipes.catalog; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
