# SPDX-License-Identifier: Apache-2.0
"""Whole runs of a toy recipe in this process."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from leadline.contracts.errors import ContractError, StorageError, UsageError
from leadline.contracts.sample import Batch
from leadline.training.display import Moment, SilentDisplay
from leadline.training.recipe import Progress, StepResult
from leadline.training.settings import EngineSettings
from leadline.training.state import Plan
from tests.training.toy import SETTINGS, ToyRecipe, ToyStream, changed, digest, run_toy


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def test_run__learns(tmp_path: Path) -> None:
    summary = run_toy(tmp_path, changed(epochs=20, schedule="constant", keep_last=0, save_every_steps=0, lr=3e-2))
    losses = [line["Train/EpochLoss"] for line in lines(tmp_path) if "Train/EpochLoss" in line]
    assert losses[-1] < 0.3 * losses[0]
    assert (summary.epochs, summary.updates) == (20, 100)
    assert summary.scalars["Train/EpochLoss"] == losses[-1]


def test_same_seed__is_the_same_run_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run_toy(tmp_path / name, changed(seed=seed))
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a")["metrics.jsonl"] != digest(tmp_path / "c")["metrics.jsonl"]


def test_run__depends_on_no_generator_state_it_finds(tmp_path: Path) -> None:
    for name in "ab":
        recipe = ToyRecipe()
        torch.manual_seed(ord(name))
        run_toy(tmp_path / name, recipe=recipe)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


@pytest.mark.parametrize(
    "settings",
    [
        EngineSettings(epochs=4, schedule="step", lr_step_size=2, device="cpu", amp="off"),
        EngineSettings(epochs=4, schedule="constant", device="cpu", amp="auto", ema_decay=0.5, accumulate=2),
    ],
    ids=["step", "bf16-ema-accumulate"],
)
def test_four_epochs__are_two_and_two_resumed(
    tmp_path: Path, settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadline.inference.device.multiplies_bf16", lambda _: True)
    run_toy(tmp_path / "whole", settings)
    run_toy(tmp_path / "parts", changed(settings, epochs=2))
    summary = run_toy(tmp_path / "parts", settings, resume="latest", recipe=ToyRecipe(seed=77))
    assert digest(tmp_path / "parts") == digest(tmp_path / "whole")
    assert summary.epochs == 4


def test_resuming_a_complete_run__changes_nothing(tmp_path: Path) -> None:
    first = run_toy(tmp_path)
    before = digest(tmp_path)
    summary = run_toy(tmp_path, resume="latest")
    assert digest(tmp_path) == before
    assert (summary.best, summary.updates, summary.scalars) == (first.best, first.updates, {})


@pytest.mark.parametrize("checkpoint", ["epoch_0", "best"])
def test_resuming_from_an_older_checkpoint__ends_the_same(tmp_path: Path, checkpoint: str) -> None:
    run_toy(tmp_path)
    before = digest(tmp_path)
    shutil.rmtree(tmp_path / "checkpoint_latest")
    run_toy(tmp_path, resume=checkpoint)
    assert digest(tmp_path) == before


def test_damaged_latest__is_refused_and_another_checkpoint_goes_on(tmp_path: Path) -> None:
    run_toy(tmp_path)
    before = digest(tmp_path)
    path = tmp_path / "checkpoint_latest" / "training_state.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-9] ^= 4
    path.write_bytes(raw)
    with pytest.raises(StorageError, match=r"tensor '.*leadline resume .*checkpoint_best"):
        run_toy(tmp_path, resume="latest")
    run_toy(tmp_path, resume="best")
    assert digest(tmp_path) == before


def test_best__is_kept_over_a_resume(tmp_path: Path) -> None:
    # the toy's validation is better in even epochs by a whole unit
    first = run_toy(tmp_path, changed(epochs=1, schedule="constant"))
    best = (tmp_path / "checkpoint_best" / "training_state.safetensors").read_bytes()
    second = run_toy(tmp_path, changed(epochs=2, schedule="constant"), resume="latest")
    assert first.best is not None
    assert second.best == first.best
    assert (second.best.epoch, second.best.name) == (0, "Val/D1")
    assert (tmp_path / "checkpoint_best" / "training_state.safetensors").read_bytes() == best


def test_average__is_what_is_saved_for_users_while_training_goes_on_with_the_weights(tmp_path: Path) -> None:
    recipe = ToyRecipe()
    run_toy(tmp_path, recipe=recipe)
    model = load_file(tmp_path / "checkpoint_latest" / "model.safetensors")
    state = load_file(tmp_path / "checkpoint_latest" / "training_state.safetensors")
    assert torch.equal(model["head.2.weight"], state["ema/head.2.weight"])
    assert torch.equal(recipe.get_parameter("trained.head.2.weight"), state["recipe/trained.head.2.weight"])
    assert not torch.equal(model["head.2.weight"], state["recipe/trained.head.2.weight"])


class Ones(ToyRecipe):
    """Every trained weight begins at 1, where the next smaller bf16 number is 0.4 % away; notes what it computes in."""

    def __init__(self) -> None:
        super().__init__(dropout=0.0)
        self.seen: list[tuple[torch.dtype, torch.dtype]] = []
        for parameter in self.trained.parameters():
            nn.init.ones_(parameter)

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        self.seen.append((self.net(batches["train"].image).dtype, self.get_parameter("trained.head.2.weight").dtype))
        return super().step(batches, progress)


def test_amp__moves_weights_of_1_by_a_learning_rate_that_bf16_could_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadline.inference.device.multiplies_bf16", lambda _: True)
    recipe = Ones()
    run_toy(tmp_path, changed(epochs=1, lr=1e-4, weight_decay=0.0, schedule="constant", amp="auto"), recipe=recipe)
    assert set(recipe.seen) == {(torch.bfloat16, torch.float32)}
    saved = load_file(tmp_path / "checkpoint_latest" / "training_state.safetensors")
    weight = saved["recipe/trained.head.2.weight"]
    moved = 1.0 - weight.double()
    assert weight.dtype == saved["optimiser/trained.head.2.weight/exp_avg"].dtype == torch.float32
    assert bool((moved.abs() > 3e-4).all())  # five updates of Adam, each of nearly the learning rate
    assert bool((moved.abs() < 6e-4).all())
    assert bool((weight.bfloat16() == 1.0).all())  # what a network in bf16 would still be
    average = saved["ema/head.2.weight"]
    assert average.dtype == torch.float32
    assert bool((average != 1.0).all())


def test_frozen_part__is_bit_identical_after_training(tmp_path: Path) -> None:
    recipe = ToyRecipe(frozen=True)
    before = {name: t.clone() for name, t in recipe.net.encoder.state_dict().items()}
    run_toy(tmp_path, recipe=recipe)
    after = recipe.net.encoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None for p in recipe.net.encoder.parameters())


def test_run_folder_in_use__is_refused(tmp_path: Path) -> None:
    run_toy(tmp_path)
    with pytest.raises(StorageError, match="leadline resume"):
        run_toy(tmp_path)


@pytest.mark.parametrize(
    ("settings", "stream"),
    [(changed(seed=1), None), (changed(ema_decay=0.0), None), (SETTINGS, ToyStream(steps_per_epoch=6))],
    ids=["seed", "ema", "data"],
)
def test_resuming_another_run__is_refused(tmp_path: Path, settings: EngineSettings, stream: ToyStream | None) -> None:
    run_toy(tmp_path)
    with pytest.raises(UsageError, match="as when the run was saved"):
        run_toy(tmp_path, settings, stream=stream, resume="latest")


def test_streams_that_do_not_fit__are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="to carry DEPTH"):
        run_toy(tmp_path, stream=ToyStream(provides=frozenset()))
    assert not (tmp_path / "checkpoint_latest").exists()


class Watching(SilentDisplay):
    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self.notes: list[str] = []
        self.started: list[tuple[int, int]] = []
        self.stopped = 0

    def start(self, plan: Plan, done: int) -> None:
        self.started.append((plan.total_updates, done))

    def advance(self, moment: Moment) -> None:
        self.moments.append(moment)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def stop(self) -> None:
        self.stopped += 1


def test_display__sees_every_update_and_epoch(tmp_path: Path) -> None:
    display = Watching()
    run_toy(tmp_path, changed(accumulate=2, save_every_steps=0), display=display)
    assert display.started == [(6, 0)]
    assert [(m.epoch, m.update, m.images) for m in display.moments] == [
        (0, 1, 8), (0, 2, 8), (0, 3, 4), (1, 4, 8), (1, 5, 8), (1, 6, 4)
    ]  # fmt: skip
    assert all(math.isfinite(m.loss) and 0 < m.waited_s < m.took_s for m in display.moments)
    assert [note.split(":")[0] for note in display.notes] == ["epoch 1/2", "epoch 2/2"]
    assert display.stopped == 1


def test_display__is_stopped_when_the_run_fails(tmp_path: Path) -> None:
    display = Watching()
    with pytest.raises(RuntimeError):
        run_toy(tmp_path, recipe=_Failing(), display=display)
    assert display.stopped == 1


class _Failing(ToyRecipe):
    def after_step(self) -> None:
        raise RuntimeError
