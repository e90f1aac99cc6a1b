# SPDX-License-Identifier: Apache-2.0
"""Parameter groups, their rates and their decay."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from leadline.contracts.errors import ContractError
from leadline.training.optimiser import Optimiser
from leadline.training.recipe import ParameterGroup
from leadline.training.schedule import Rates
from leadline.training.settings import EngineSettings
from leadline.training.stages import StageOptimisers
from tests.training.toy import ToyRecipe

SETTINGS = EngineSettings(lr=0.1, weight_decay=0.5)


def optimiser_of(recipe: ToyRecipe, settings: EngineSettings) -> Optimiser:
    return StageOptimisers(recipe, settings).of("")


class Grouped(ToyRecipe):
    groups: list[ParameterGroup]

    def parameter_groups(self) -> list[ParameterGroup]:
        return self.groups


def refused(groups: dict[str, list[nn.Parameter]], recipe: Grouped) -> str:
    recipe.groups = [ParameterGroup(name=name, parameters=parameters) for name, parameters in groups.items()]
    with pytest.raises(ContractError) as caught:
        optimiser_of(recipe, SETTINGS)
    return str(caught.value)


def test_groups__must_hold_every_trainable_parameter_once_and_no_other() -> None:
    recipe = Grouped()
    every = [p for p in recipe.parameters() if p.requires_grad]
    assert "in a group; got trained.unused" in refused({"a": [p for p in every if p is not recipe.net.unused]}, recipe)
    assert "in one group; got trained.unused" in refused({"a": every, "b": [recipe.net.unused]}, recipe)
    assert "in one group; got trained.unused" in refused({"a": [*every, recipe.net.unused]}, recipe)
    assert "no frozen parameter in a group; got teacher.weight" in refused(
        {"a": [*every, *recipe.teacher.parameters()]}, recipe
    )
    assert "belong to the recipe" in refused({"a": [*every, nn.Parameter(torch.zeros(7))]}, recipe)


def test_groups__names_at_most_three_offenders() -> None:
    recipe = Grouped()
    assert "and 4 more" in refused({"a": []}, recipe)


def test_groups__must_differ_in_name() -> None:
    recipe = Grouped()
    every = [p for p in recipe.parameters() if p.requires_grad]
    recipe.groups = [ParameterGroup(name="a", parameters=every[:1]), ParameterGroup(name="a", parameters=every[1:])]
    with pytest.raises(ContractError, match="names that differ; got a"):
        optimiser_of(recipe, SETTINGS)


def test_groups__must_train_something() -> None:
    recipe = Grouped()
    recipe.requires_grad_(requires_grad=False)
    assert "something to train" in refused({}, recipe)


def test_rates__multiply_lr_and_the_groups_factor() -> None:
    optimiser = optimiser_of(ToyRecipe(encoder_lr_factor=0.1), SETTINGS)
    optimiser.set_rates(Rates(lr_factor=0.5, beta1=0.85))
    assert optimiser.learning_rates() == {"encoder": pytest.approx(0.005), "head": pytest.approx(0.05)}
    assert {group["betas"] for group in optimiser.adamw.param_groups} == {(0.85, 0.999)}


def test_rates__without_momentum_keep_adams_own() -> None:
    optimiser = optimiser_of(ToyRecipe(), SETTINGS)
    optimiser.set_rates(Rates(lr_factor=0.5))
    assert {group["betas"] for group in optimiser.adamw.param_groups} == {(0.9, 0.999)}


def test_moments__decay_as_the_settings_say_also_when_a_schedule_moves_the_first() -> None:
    optimiser = optimiser_of(ToyRecipe(), EngineSettings(beta2=0.95))
    assert {group["betas"] for group in optimiser.adamw.param_groups} == {(0.9, 0.95)}
    optimiser.set_rates(Rates(lr_factor=0.5, beta1=0.85))
    assert {group["betas"] for group in optimiser.adamw.param_groups} == {(0.85, 0.95)}


def test_update__is_adamw() -> None:
    recipe, twin = ToyRecipe(encoder_lr_factor=1.0), ToyRecipe()
    optimiser = optimiser_of(recipe, SETTINGS)
    reference = torch.optim.AdamW([p for p in twin.parameters() if p.requires_grad], lr=0.1, weight_decay=0.5)
    for _ in range(3):
        for p, q in zip(recipe.parameters(), twin.parameters(), strict=True):
            p.grad = q.grad = torch.randn_like(p) if p.requires_grad else None
        optimiser.adamw.step()
        reference.step()
    for p, q in zip(recipe.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p, q)


class LayerScale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(2))


class Kinds(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm, self.scale = nn.Linear(2, 2), nn.LayerNorm(2), LayerScale()
        self.pos_embed = nn.Parameter(torch.ones(2))


KINDS = {"linear.weight", "linear.bias", "norm.weight", "norm.bias", "scale.gamma", "pos_embed"}


@pytest.mark.parametrize(
    ("no_decay", "spared"),
    [
        ((), set()),
        (("bias",), {"linear.bias", "norm.bias"}),
        (("norm",), {"norm.weight", "norm.bias"}),
        (("pos_embed",), {"pos_embed"}),
        (("layer_scale",), {"scale.gamma"}),
        (("bias", "norm", "pos_embed", "layer_scale"), KINDS - {"linear.weight"}),
    ],
)
def test_no_decay__spares_the_kinds_that_are_named(no_decay: tuple[str, ...], spared: set[str]) -> None:
    recipe = Grouped(frozen=True)
    recipe.trained = Kinds()
    recipe.net.requires_grad_(requires_grad=False)
    recipe.groups = [ParameterGroup(name="a", parameters=list(recipe.trained.parameters()), weight_decay_factor=0.5)]
    settings = EngineSettings(weight_decay=0.5, no_decay=no_decay)  # type: ignore[arg-type]
    optimiser = optimiser_of(recipe, settings)
    names = {p: name for name, p in recipe.trained.named_parameters()}
    decays = {names[p]: group["weight_decay"] for group in optimiser.adamw.param_groups for p in group["params"]}
    assert decays == {name: 0.0 if name in spared else 0.25 for name in KINDS}
    assert optimiser.learning_rates() == {"a": settings.lr}


@pytest.mark.parametrize(
    "backbone",
    [
        "vit_small_patch16_224.augreg_in21k",
        "vit_small_patch14_reg4_dinov2",
        "vit_small_patch16_dinov3",
        "deit_small_distilled_patch16_224",
        "resnet50.a1_in1k",
        "convnextv2_tiny",
        "swin_tiny_patch4_window7_224",
        "beit_base_patch16_224",
    ],
)
def test_no_decay__spares_what_timm_spares_in_its_backbones(backbone: str) -> None:
    with torch.device("meta"):
        network = timm.create_model(backbone, num_classes=0)
    by_name = network.no_weight_decay() if hasattr(network, "no_weight_decay") else set()
    expected = {name for name, p in network.named_parameters() if p.ndim <= 1 or {name, name.split(".")[-1]} & by_name}
    recipe = Grouped(frozen=True)
    recipe.trained = network
    recipe.net.requires_grad_(requires_grad=False)
    recipe.groups = [ParameterGroup(name="a", parameters=list(network.parameters()))]
    optimiser = optimiser_of(recipe, EngineSettings(no_decay=("bias", "norm", "pos_embed", "layer_scale")))
    names = {p: name for name, p in network.named_parameters()}
    spared = {names[p] for group in optimiser.adamw.param_groups if group["weight_decay"] == 0 for p in group["params"]}
    assert spared == expected


def test_state__comes_back_by_name() -> None:
    recipes = [ToyRecipe(seed=1), ToyRecipe(seed=1)]
    first, second = (optimiser_of(recipe, SETTINGS) for recipe in recipes)
    for p in first.parameters:
        p.grad = torch.randn_like(p)
    recipes[0].net.unused.grad = None  # never updated: it has no moments, before and after
    first.adamw.step()
    recipes[1].load_state_dict(recipes[0].state_dict())
    second.load({name: tensor.clone() for name, tensor in first.tensors().items()})
    assert not any("unused" in name for name in second.tensors())
    for p, q in zip(first.parameters, second.parameters, strict=True):
        p.grad = q.grad = torch.randn_like(p)
    first.adamw.step()
    second.adamw.step()
    assert all(torch.equal(p, q) for p, q in zip(first.parameters, second.parameters, strict=True))
    tensors = second.tensors()
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in first.tensors().items())
