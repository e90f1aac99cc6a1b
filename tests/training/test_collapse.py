# SPDX-License-Identifier: Apache-2.0
"""Predictions that say nothing, and who is told."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from leadline.contracts.sample import Batch
from leadline.training.collapse import CONSTANT, DEAD, collapse_signs, collapse_warning
from leadline.training.recipe import Progress, StepResult
from tests.training.test_engine import lines
from tests.training.toy import ToyRecipe, ToyStream, changed, digest, run_toy

SETTINGS = changed(save_every_steps=3, log_interval=2, epochs=2)


def signs(predicted: Tensor) -> tuple[float, float]:
    found = collapse_signs(predicted)
    return found[CONSTANT].item(), found[DEAD].item()


def test_signs__are_shares_of_flat_pictures_and_of_zeros() -> None:
    ramp = torch.linspace(1, 2, 96).expand(1, 80, 96)
    flat, zero = torch.full((1, 80, 96), 7.0), torch.zeros(1, 80, 96)
    half_dead = ramp.clone().index_fill(1, torch.arange(0, 40), 0.0)
    assert signs(torch.cat([ramp, ramp])) == (0.0, 0.0)
    assert signs(torch.cat([ramp, flat])) == (0.5, 0.0)
    assert signs(torch.cat([ramp, zero])) == (0.5, 0.5)
    assert signs(half_dead) == (0.0, 0.5)


@pytest.mark.parametrize(("spread", "constant"), [(1e-2, 0.0), (1e-4, 1.0)])
def test_signs__know_a_plain_wall_from_a_constant_at_any_scale(spread: float, constant: float) -> None:
    wall = 1 + spread * torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert signs(wall)[0] == signs(1e4 * wall)[0] == signs(-1e-3 * wall)[0] == constant


def test_signs__of_what_is_no_number_are_no_alarm_and_leave_no_gradient() -> None:
    predicted = torch.full((1, 4, 4), torch.nan, requires_grad=True)
    assert signs(predicted) == (0.0, 0.0)
    assert not collapse_signs(predicted)[DEAD].requires_grad
    assert signs(torch.zeros(1, 3, 500, dtype=torch.bfloat16)) == (1.0, 1.0)


def test_warning__tells_of_each_sign_from_its_threshold_on() -> None:
    assert collapse_warning({}) == ""
    assert collapse_warning({CONSTANT: 0.49, DEAD: 0.89}) == ""
    assert "50% of the pictures" in collapse_warning({CONSTANT: 0.5})
    both = collapse_warning({CONSTANT: 1.0, DEAD: 0.95})
    assert "100% of the pictures" in both
    assert "95% of the predicted values" in both
    assert "\n" not in both


class Flat(ToyRecipe):
    """Says the same everywhere, in every epoch from ``since`` on."""

    def __init__(self, since: int = 0) -> None:
        super().__init__()
        self.since = since

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        predicted = self.net(batches["train"].image)
        shown = torch.zeros_like(predicted) if progress.epoch >= self.since else predicted
        return replace(super().step(batches, progress), predicted=shown)


def test_collapsed_network__is_told_once_an_epoch_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run_toy(tmp_path, SETTINGS, recipe=Flat(), stream=ToyStream(steps_per_epoch=60))
    told = [message for message in caplog.messages if "collapsed" in message]
    assert [message.split(":")[0] for message in told] == ["epoch 1", "epoch 2"]
    found = lines(tmp_path)
    assert all(line["Alarm/BatchConstant"] == 1.0 for line in found if "Train/BatchLoss" in line)
    assert [line["Alarm/EpochDead"] for line in found if "Train/EpochLoss" in line] == [1.0, 1.0]


def test_collapsed_network__is_told_within_the_epoch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def die(position: int, batch: Batch) -> Batch:
        assert position < 30
        return batch

    with caplog.at_level(logging.WARNING), pytest.raises(AssertionError):
        run_toy(tmp_path, SETTINGS, recipe=Flat(), stream=ToyStream(steps_per_epoch=60, spoil=die))
    assert "collapsed" in caplog.text


def test_network_that_collapses_later__is_told_in_that_epoch_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run_toy(tmp_path, SETTINGS, recipe=Flat(since=1))
    assert [message.split(":")[0] for message in caplog.messages if "collapsed" in message] == ["epoch 2"]


def test_watched_run__ends_the_same_after_an_interruption(tmp_path: Path) -> None:
    def die(position: int, batch: Batch) -> Batch:
        assert position != 4
        return batch

    run_toy(tmp_path / "whole", SETTINGS, recipe=Flat(since=1))
    with pytest.raises(AssertionError):
        run_toy(tmp_path / "parts", SETTINGS, recipe=Flat(since=1), stream=ToyStream(spoil=die))
    run_toy(tmp_path / "parts", SETTINGS, recipe=Flat(since=1), resume="latest")
    assert digest(tmp_path / "parts") == digest(tmp_path / "whole")


def test_recipe_that_shows_nothing__is_not_watched(tmp_path: Path) -> None:
    run_toy(tmp_path, SETTINGS)
    assert not any(tag.startswith("Alarm/") for line in lines(tmp_path) for tag in line)
