# SPDX-License-Identifier: Apache-2.0
"""Recipes of several stages: who moves what, when, and how such a run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Batch
from leadline.training.checkpoint import Trained, read_state, write_state
from leadline.training.distributed import StepModule, sum_across
from leadline.training.placement import Placement
from leadline.training.recipe import ParameterGroup, Progress, StepResult, TrainingStage
from leadline.training.settings import EngineSettings
from leadline.training.stages import StageOptimisers
from leadline.training.state import RunState
from leadline.training.update import LOSS, Updater, UpdateReport, Work
from tests.training.toy import ToyRecipe, ToyStream

CPU = torch.device("cpu")
SETTINGS = EngineSettings(lr=1e-2, epochs=4)
FIRST, LATER = TrainingStage(name="first"), TrainingStage(name="later", first_epoch=2, milestones=(3,))


class Staged(ToyRecipe):
    """The weight is moved by both stages, the bias by the later one alone."""

    stages: tuple[TrainingStage, ...] = (FIRST, LATER)
    weights_seen: list[tuple[str, float]]
    spoiled = ""

    def __init__(self) -> None:
        super().__init__()
        self.net.unused.requires_grad = False
        self.weights_seen = []

    def stage_groups(self, stage: str) -> list[ParameterGroup]:
        every = [p for p in self.parameters() if p.requires_grad]
        if stage == "first":
            return [ParameterGroup(name="weights", parameters=every[:1])]
        shared = ParameterGroup(name="shared", parameters=every[:1], lr_factor=0.1)
        return [shared, ParameterGroup(name="rest", parameters=every[1:])]

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        first = next(p for p in self.parameters() if p.requires_grad)
        self.weights_seen.append((progress.stage, float(first.detach().flatten()[0])))
        result = super().step(batches, progress)
        spoil = float("nan") if progress.stage == self.spoiled else 1.0
        return replace(result, loss=result.loss * spoil, parts={f"{progress.stage}/Part": result.loss.detach()})


def work(epoch: int, update: int = 0) -> Work:
    batch = next(iter(ToyStream().batches(0)))
    progress = Progress(epoch=epoch, step=update, total_steps=40, sum_across=sum_across)
    return Work(batches=[{"train": batch}], seeds=[1], progress=progress)


def updated(recipe: Staged, optimisers: StageOptimisers, epoch: int) -> UpdateReport:
    place = Placement(device=CPU, autocast_dtype=None)
    optimisers.set_rates(epoch=epoch, update=epoch * 10, updates_per_epoch=10)
    return Updater(StepModule(recipe), recipe, optimisers, None, placement=place, max_grad_norm=0.0)(work(epoch), stop=False)


def values(recipe: Staged) -> list[torch.Tensor]:
    return [p.detach().clone() for p in recipe.parameters() if p.requires_grad]


def moved(before: list[torch.Tensor], after: list[torch.Tensor]) -> list[bool]:
    return [not torch.equal(one, other) for one, other in zip(before, after, strict=True)]


def test_a_stage_that_has_not_begun__moves_nothing_and_is_not_asked() -> None:
    recipe = Staged()
    optimisers, before = StageOptimisers(recipe, SETTINGS), values(recipe)
    report = updated(recipe, optimisers, epoch=1)
    assert moved(before, values(recipe)) == [True] + [False] * (len(before) - 1)
    assert [stage for stage, _ in recipe.weights_seen] == ["first"]
    assert set(report.values) == {LOSS, "first/Part"}
    assert optimisers.learning_rates(1) == {"first/weights": 1e-2}


def test_stages_of_one_update__come_in_order_each_after_the_move_of_the_one_before() -> None:
    recipe = Staged()
    optimisers, before = StageOptimisers(recipe, SETTINGS), values(recipe)
    report = updated(recipe, optimisers, epoch=2)
    assert all(moved(before, values(recipe)))
    (one, seen_first), (two, seen_later) = recipe.weights_seen
    assert (one, two) == ("first", "later")
    assert seen_first != seen_later
    assert report.values[LOSS] == pytest.approx(report.values["first/Part"] + report.values["later/Part"])
    assert report.stage == ""


def test_each_stage__has_its_own_rates_and_milestones() -> None:
    optimisers = StageOptimisers(Staged(), SETTINGS)
    optimisers.set_rates(epoch=3, update=30, updates_per_epoch=10)
    rates = optimisers.learning_rates(3)
    assert rates == pytest.approx({"first/weights": 1e-2, "later/shared": 1e-4, "later/rest": 1e-3})


def test_a_stage_that_is_not_finite__moves_nothing_and_is_named() -> None:
    recipe = Staged()
    recipe.spoiled = "later"
    optimisers, before = StageOptimisers(recipe, SETTINGS), values(recipe)
    report = updated(recipe, optimisers, epoch=2)
    assert (report.finite, report.stage) == (False, "later")
    assert moved(before, values(recipe)) == [True] + [False] * (len(before) - 1)


def test_no_stage_in_an_epoch__is_refused() -> None:
    recipe = Staged()
    recipe.stages = (LATER,)
    with pytest.raises(ContractError, match="trains in epoch 1; got the first begins with epoch 3"):
        StageOptimisers(recipe, SETTINGS).active(0)


def test_a_tensor_that_no_stage_trains__is_refused() -> None:
    recipe = Staged()
    recipe.stages = (FIRST,)
    with pytest.raises(ContractError, match="every trainable parameter in a group"):
        StageOptimisers(recipe, SETTINGS)


def test_stages_of_one_name__are_refused() -> None:
    recipe = Staged()
    recipe.stages = (FIRST, replace(LATER, name="first"))
    with pytest.raises(ContractError, match="names that differ"):
        StageOptimisers(recipe, SETTINGS)


def test_moments_of_all_stages__survive_a_checkpoint(tmp_path: Path) -> None:
    def trained(recipe: Staged, optimisers: StageOptimisers) -> Trained:
        return Trained(recipe=recipe, optimiser=optimisers, ema=None, device=CPU, identity={"seed": 0})

    recipe = Staged()
    optimisers = StageOptimisers(recipe, SETTINGS)
    for _ in range(3):
        updated(recipe, optimisers, epoch=2)
    tmp_path.joinpath("one").mkdir()
    write_state(tmp_path / "one", trained(recipe, optimisers), RunState())
    other = Staged()
    others = StageOptimisers(other, SETTINGS)
    read_state(tmp_path / "one", trained(other, others))
    updated(recipe, optimisers, epoch=3)
    updated(other, others, epoch=3)
    assert moved(values(recipe), values(other)) == [False] * len(values(recipe))
    saved = optimisers.tensors()
    assert any(name.startswith("first//") for name in saved)
    assert not torch.equal(
        *(
            saved[f"{stage}//{optimisers.of(stage).groups[group][0]}/exp_avg"]
            for stage, group in (("first", "weights"), ("later", "shared"))
        )
    )
