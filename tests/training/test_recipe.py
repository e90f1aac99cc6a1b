# SPDX-License-Identifier: Apache-2.0
"""The recipe contract's defaults."""

from __future__ import annotations

import pytest
import torch

from leadline.training.recipe import ParameterGroup, Recipe, StepResult, ValidationResult


class Least(Recipe):
    """What a recipe must define, and nothing else."""

    def step(self, batches: object, progress: object) -> StepResult:  # noqa: ARG002
        return StepResult(loss=torch.zeros(()))

    def parameter_groups(self) -> list[ParameterGroup]:
        return []


def test_recipe__needs_a_step_and_groups() -> None:
    with pytest.raises(TypeError, match=r"parameter_groups.* step"):
        Recipe()  # type: ignore[abstract]


def test_recipe__has_no_pictures_and_nothing_to_do_after_a_step() -> None:
    recipe = Least()
    assert recipe.pictures({}) == {}
    recipe.after_step()


def test_results__have_no_parts_weight_or_pictures_unless_given() -> None:
    result = Least().step({}, None)
    assert (result.parts, result.weight) == ({}, None)
    assert ValidationResult(scalars={}, selection=0.0, selection_name="Val/RMSE").pictures == {}


def test_group__trains_at_the_runs_own_rates_unless_told() -> None:
    group = ParameterGroup(name="head", parameters=[])
    assert (group.lr_factor, group.weight_decay_factor) == (1.0, 1.0)
