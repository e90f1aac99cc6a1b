# SPDX-License-Identifier: Apache-2.0
"""Learning rates by part and by depth."""

from __future__ import annotations

import pytest

from leadline.contracts.errors import UsageError
from leadline.training.settings import EngineSettings
from leadline.training.stages import StageOptimisers
from tests.recipes.stereo.toy import toy_config, toy_recipe


def test_stage_groups__each_part_has_its_factor_and_is_there_once() -> None:
    recipe = toy_recipe(train_mono=("backbone=0.1", "decoder"), train_stereo=("matching=2", "neck=0.5"))
    assert {group.name: group.lr_factor for group in recipe.stage_groups("mono")} == {"backbone": 0.1, "decoder": 1.0}
    assert {group.name: group.lr_factor for group in recipe.stage_groups("stereo")} == {"matching": 2.0, "neck": 0.5}


def test_layer_decay__slows_earlier_blocks_and_leaves_nothing_out() -> None:
    recipe = toy_recipe(layer_decay=0.5, train_mono=("backbone=0.1", "neck", "decoder"))
    factors = {group.name: group.lr_factor for group in recipe.stage_groups("mono") if group.name.startswith("backbone")}
    depths = sorted(int(name.removeprefix("backbone.")) for name in factors)
    deepest = depths[-1]
    assert depths == list(range(deepest + 1))
    assert all(factors[f"backbone.{depth}"] == pytest.approx(0.1 * 0.5 ** (deepest - depth)) for depth in depths)
    StageOptimisers(recipe, EngineSettings())  # which refuses a parameter that is in no group
    last = next(group for group in recipe.stage_groups("mono") if group.name == f"backbone.{deepest}")
    norm = recipe.trained.parts()["backbone"].get_parameter("norm.weight")
    assert any(parameter is norm for parameter in last.parameters)


def test_layer_decay__is_refused_where_there_are_no_blocks() -> None:
    with pytest.raises(UsageError, match="for DINOv2 only"):
        toy_config(encoder="resnet18", layer_decay=0.9)
    with pytest.raises(UsageError, match="--layer-decay"):
        toy_config(layer_decay=0.0)
