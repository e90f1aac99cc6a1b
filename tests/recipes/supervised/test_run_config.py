# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.errors import UsageError
from leadline.recipes.supervised.run_config import RunConfig
from leadline.training.settings import EngineSettings


def test_run_config__engine_settings_every_shared_name_carries_over() -> None:
    settings = RunConfig(lr=3e-4, num_epochs=7, max_grad_norm=0.0, accumulate=3, ema_decay=0.5).engine
    waiting = RunConfig(patience=3, min_delta=0.5, schedule="linear").engine
    assert (waiting.patience, waiting.min_delta, waiting.schedule) == (3, 0.5, "linear")
    assert (settings.lr, settings.epochs, settings.max_grad_norm, settings.accumulate, settings.ema_decay) == (
        3e-4,
        7,
        0.0,
        3,
        0.5,
    )
    reference = RunConfig(beta2=0.95, warmup_epochs=1.0, warmup_start=0.01, min_lr=1e-6).engine
    assert (reference.beta2, reference.warmup_epochs, reference.warmup_start, reference.min_lr) == (0.95, 1.0, 0.01, 1e-6)
    assert RunConfig().engine.no_decay == ()
    assert set(RunConfig(decay_norm_and_bias=False).engine.no_decay) == {
        "bias",
        "norm",
        "pos_embed",
        "layer_scale",
    }


def test_run_config__events_of_two_runs_never_share_a_folder() -> None:
    folders = [
        RunConfig(log_dir=Path("logs"), save_dir=Path(one)).events_folder for one in ("runs/a", "runs/b", "../a", "/a")
    ]
    assert folders == [Path("logs/runs_a"), Path("logs/runs_b"), Path("logs/a"), Path("logs/a")]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"batch_size": 0}, "--batch-size of at least 1"),
        ({"max_grad_norm": float("inf")}, "a finite number for --max-grad-norm"),
        ({"lr": 0.0}, "--lr above 0"),
        ({"num_epochs": 0}, "--num-epochs of at least 1"),
        ({"keep_epochs": -1}, "--keep-epochs of at least 0"),
        ({"save_every": -1}, "--save-every of at least 0"),
        ({"warmup_steps": -1}, "--warmup-steps of at least 0"),
        ({"warmup_epochs": -1.0}, "--warmup-epochs of at least 0"),
        ({"warmup_start": -0.5}, "--warmup-start of at least 0"),
        ({"min_lr": -1.0}, "--min-lr of at least 0"),
        ({"ema_decay": 1.0}, "--ema-decay in"),
        ({"patience": -1}, "--patience of at least 0"),
        ({"min_delta": -0.5}, "--min-delta of at least 0"),
        ({"lr_gamma": 0.0}, "--lr-gamma above 0"),
        ({"patience": 2, "validate": False}, "validation with --patience"),
        ({"wandb_project": ""}, "a name for --wandb-project"),
        ({"run_id": "a/b"}, "--run-id of at most 64"),
    ],
)
def test_run_config__refuses_what_cannot_be_meant(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        RunConfig(**changes)


def test_run_config__has_the_engine_s_own_defaults() -> None:
    assert RunConfig().engine == EngineSettings()
