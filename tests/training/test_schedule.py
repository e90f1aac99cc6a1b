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


def test_exponential__equals_torch_exponential_lr_by_epoch() -> None:
    settings = EngineSettings(epochs=20, schedule="exponential", lr_gamma=0.95)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.95)
    got = factors(settings, 3)
    for epoch in range(20):
        assert got[3 * epoch : 3 * epoch + 3] == pytest.approx([optimiser.param_groups[0]["lr"]] * 3, rel=1e-12)
        optimiser.step()
        scheduler.step()
    assert got[-1] == pytest.approx(0.95**19)


def test_linear__falls_by_equal_steps_to_0_after_the_last_update() -> None:
    assert factors(EngineSettings(epochs=2, schedule="linear"), 5) == pytest.approx([1 - u / 10 for u in range(10)])


def test_linear__begins_its_fall_after_the_warmup() -> None:
    got = factors(EngineSettings(epochs=1, schedule="linear", warmup_steps=4), 20)
    assert got[:4] == [0.25, 0.5, 0.75, 1.0]
    assert got[4:] == pytest.approx([1 - (u - 4) / 16 for u in range(4, 20)])


@pytest.mark.parametrize(("epochs", "at", "lr"), [(40, 20, 5.0e-5), (50, 10, 9.045e-5)])
def test_cosine__of_a_longer_run_is_that_of_its_own_horizon(epochs: int, at: int, lr: float) -> None:
    settings = EngineSettings(epochs=epochs, lr=1e-4, schedule="warmup-cosine")
    factor = rates_at(settings, update=7 * at, updates_per_epoch=7).lr_factor
    assert settings.lr * factor == pytest.approx(lr, rel=1e-4)


def test_warmup_cosine__equals_torch_with_the_settings_of_the_jepa_reference() -> None:
    settings = EngineSettings(epochs=5, lr=1e-4, schedule="warmup-cosine", warmup_epochs=1.0, warmup_start=0.01, min_lr=1e-6)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=settings.lr)
    rise = torch.optim.lr_scheduler.LinearLR(optimiser, start_factor=0.01, total_iters=20)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=80, eta_min=1e-6)
    scheduler = torch.optim.lr_scheduler.SequentialLR(optimiser, [rise, fall], milestones=[20])
    for got in factors(settings, 20):
        assert settings.lr * got == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        optimiser.step()
        scheduler.step()
    assert optimiser.param_groups[0]["lr"] == pytest.approx(1e-6)
    assert factors(settings, 20)[0] == pytest.approx(0.01)
    assert rates_at(settings, update=100, updates_per_epoch=20).lr_factor == pytest.approx(0.01)


@pytest.mark.parametrize("schedule", ["warmup-cosine", "linear", "poly"])
def test_min_lr__is_where_a_falling_schedule_ends_and_keeps_its_form(schedule: Any) -> None:
    plain = EngineSettings(epochs=3, lr=1e-2, schedule=schedule, warmup_steps=2)
    floored = EngineSettings(epochs=3, lr=1e-2, schedule=schedule, warmup_steps=2, min_lr=1e-3)
    expected = [0.1 + 0.9 * factor for factor in factors(plain, 5)[2:]]
    assert factors(floored, 5)[2:] == pytest.approx(expected, rel=1e-12)
    assert rates_at(floored, update=15, updates_per_epoch=5).lr_factor == pytest.approx(0.1)


@pytest.mark.parametrize("schedule", ["step", "constant", "exponential"])
def test_min_lr__is_unknown_to_the_other_schedules(schedule: Any) -> None:
    plain, floored = (EngineSettings(epochs=3, lr=1e-2, schedule=schedule, min_lr=low) for low in (0.0, 9e-3))
    assert factors(plain, 5) == factors(floored, 5)


@pytest.mark.parametrize(("epochs", "updates"), [(1.0, 7), (0.5, 4), (2.0, 14), (0.01, 0)])
def test_warmup_epochs__are_their_updates(epochs: float, updates: int) -> None:
    in_epochs = EngineSettings(epochs=3, schedule="warmup-cosine", warmup_epochs=epochs, warmup_start=0.25)
    in_updates = EngineSettings(epochs=3, schedule="warmup-cosine", warmup_steps=updates, warmup_start=0.25)
    assert factors(in_epochs, 7) == factors(in_updates, 7)
    assert factors(in_epochs, 7)[updates] == 1.0


@pytest.mark.parametrize("schedule", ["constant", "step", "poly", "exponential"])
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


@pytest.mark.parametrize("schedule", ["constant", "step", "poly", "warmup-cosine", "exponential", "linear"])
def test_rates__leave_momentum_alone_but_for_onecycle(schedule: Any) -> None:
    assert rates_at(EngineSettings(schedule=schedule), update=0, updates_per_epoch=2).beta1 is None
