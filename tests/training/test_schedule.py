# SPDX-License-Identifier: Apache-2.0
"""Learning rates against closed forms and against torch's own schedulers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from leadline.training.schedule import rates_at
from leadline.training.settings import EngineSettings


def factors(settings: EngineSettings, updates_per_epoch: int) -> list[float]:
    total = settings.epochs * updates_per_epoch
    return [rates_at(settings, update=u, updates_per_epoch=updates_per_epoch).lr_factor for u in range(total)]


def test_step__drops_by_gamma_every_step_size_epochs() -> None:
    got = factors(EngineSettings(epochs=7, schedule="step", lr_step_size=3, lr_gamma=0.5), 4)
    assert got == [0.5 ** math.floor(u // 4 / 3) for u in range(28)]


def test_step__equals_torch_step_lr() -> None:
    settings = EngineSettings(epochs=40)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, settings.lr_step_size, settings.lr_gamma)
    for got in factors(settings, 1):
        assert got == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-12)
        optimiser.step()
        scheduler.step()


def test_poly__is_one_minus_progress_to_the_power_of_nine_tenths() -> None:
    assert factors(EngineSettings(epochs=2, schedule="poly"), 5) == [(1 - u / 10) ** 0.9 for u in range(10)]


def test_constant__stays() -> None:
    assert set(factors(EngineSettings(epochs=3, schedule="constant"), 5)) == {1.0}


def test_warmup_cosine__rises_linearly_then_falls_as_a_cosine() -> None:
    got = factors(EngineSettings(epochs=1, schedule="warmup-cosine", warmup_steps=4), 20)
    assert got[:4] == [0.25, 0.5, 0.75, 1.0]
    assert got[4:] == pytest.approx([0.5 * (1 + math.cos(math.pi * (u - 4) / 16)) for u in range(4, 20)])


@pytest.mark.parametrize("schedule", ["constant", "step", "poly"])
def test_warmup__multiplies_the_other_schedules(schedule: Any) -> None:
    plain = factors(EngineSettings(epochs=1, schedule=schedule), 10)
    warm = factors(EngineSettings(epochs=1, schedule=schedule, warmup_steps=5), 10)
    assert warm == pytest.approx([factor * min(1, (u + 1) / 5) for u, factor in enumerate(plain)])


@pytest.mark.parametrize("updates", [3, 10, 101])
def test_onecycle__equals_torch_with_zoedepth_settings(updates: int) -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([parameter], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 1.0, total_steps=updates, pct_start=0.7, div_factor=1, final_div_factor=1e4, base_momentum=0.85
    )
    settings = EngineSettings(epochs=1, schedule="onecycle")
    for update in range(updates):
        rates = rates_at(settings, update=update, updates_per_epoch=updates)
        assert rates.lr_factor == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        assert rates.beta1 == pytest.approx(optimiser.param_groups[0]["betas"][0], rel=1e-9)
        optimiser.step()
        if update < updates - 1:
            scheduler.step()


def test_onecycle__survives_a_run_of_one_update() -> None:
    assert rates_at(EngineSettings(epochs=1, schedule="onecycle"), update=0, updates_per_epoch=1).lr_factor > 0


@pytest.mark.parametrize("schedule", ["constant", "step", "poly", "warmup-cosine"])
def test_rates__leave_momentum_alone_but_for_onecycle(schedule: Any) -> None:
    assert rates_at(EngineSettings(schedule=schedule), update=0, updates_per_epoch=2).beta1 is None
