# SPDX-License-Identifier: Apache-2.0
"""Engine settings: the reference's defaults, and refusals that name the flag."""

from __future__ import annotations

import subprocess
import sys

import pytest

from leadline.contracts.errors import UsageError
from leadline.training.settings import EngineSettings


def test_settings__default_to_the_reference_trainer() -> None:
    settings = EngineSettings()
    assert (settings.epochs, settings.lr, settings.weight_decay) == (50, 1e-4, 1e-4)
    assert (settings.schedule, settings.lr_step_size, settings.lr_gamma) == ("step", 15, 0.1)
    assert (settings.max_grad_norm, settings.log_interval, settings.no_decay) == (1.0, 10, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("lr", 0.0),
        ("weight_decay", -1e-4),
        ("lr_step_size", 0),
        ("warmup_steps", -1),
        ("accumulate", 0),
        ("ema_decay", 1.0),
        ("log_interval", 0),
        ("save_every_steps", -1),
        ("keep_last", -1),
        ("patience", -1),
        ("min_delta", -0.1),
        ("lr_gamma", 0.0),
        ("seed", -1),
        ("beta2", 1.0),
        ("beta2", -0.1),
        ("warmup_epochs", -1.0),
        ("warmup_epochs", 51.0),
        ("warmup_start", 1.0),
        ("warmup_start", -0.1),
        ("min_lr", -1e-6),
        ("min_lr", 2e-4),
    ],
)
def test_settings__refuse_a_senseless_value_and_name_its_flag(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} to be .*got {value}"):
        EngineSettings(**{name: value})  # type: ignore[arg-type]


def test_settings__refuse_a_warmup_before_onecycle() -> None:
    with pytest.raises(UsageError, match=r"--warmup-steps .*onecycle"):
        EngineSettings(schedule="onecycle", warmup_steps=5)
    with pytest.raises(UsageError, match=r"--warmup-epochs .*onecycle"):
        EngineSettings(schedule="onecycle", warmup_epochs=1.0)


def test_settings__refuse_a_warmup_that_is_said_twice() -> None:
    with pytest.raises(UsageError, match="--warmup-epochs to be 0 beside --warmup-steps"):
        EngineSettings(warmup_steps=5, warmup_epochs=1.0)


def test_settings__import_no_torch() -> None:
    modules = "leadline.training.settings, leadline.training.schedule, leadline.training.signals"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
