# SPDX-License-Identifier: Apache-2.0
"""AdamW over a recipe's parameter groups: groups and settings enter, checked and named groups with their own rates leave."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from leadline.contracts.errors import ContractError

if TYPE_CHECKING:
    from leadline.training.recipe import ParameterGroup, Recipe
    from leadline.training.schedule import Rates
    from leadline.training.settings import EngineSettings, NoDecay

_NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
# learned tokens are spared with the positions they are added to, as timm's no_weight_decay does
_TOKEN_NAMES = frozenset({"cls_token", "dist_token", "register_tokens", "reg_token"})
_POSITION_NAMES = _TOKEN_NAMES | {"pos_embed", "position_embeddings", "relative_position_bias_table"}
_SCALE_NAMES = frozenset({"gamma", "gamma_1", "gamma_2"})  # of ConvNeXt's and BEiT's blocks, which have no module for it


class Optimiser:
    """AdamW whose state is addressed by parameter name.

    ``groups`` says which parameters each of its groups has, both by name.

    Args:
        recipe: whose parameters they are.
        settings: learning rate, weight decay, moments, and which kinds of parameters are spared the decay.
        groups: what is optimised.

    Raises:
        ContractError: a parameter is in two groups, or a frozen or foreign one is in a group.
    """

    def __init__(self, recipe: Recipe, settings: EngineSettings, groups: list[ParameterGroup]) -> None:
        names = {parameter: name for name, parameter in recipe.named_parameters()}
        _check(groups, names)
        spared = _spared(recipe, settings.no_decay)
        self._names, self._lr, self._beta2 = names, settings.lr, settings.beta2
        self.groups = {group.name: sorted(names[parameter] for parameter in group.parameters) for group in groups}
        self._factors = {group.name: group.lr_factor for group in groups}
        betas = (settings.beta1, settings.beta2)
        self.adamw = torch.optim.AdamW(_split(groups, spared, settings), lr=settings.lr, betas=betas, fused=True)
        self.parameters = [parameter for group in groups for parameter in group.parameters]

    def set_rates(self, rates: Rates) -> None:
        """Use these factors for the next update."""
        for group in self.adamw.param_groups:
            group["lr"] = self._lr * self._factors[group["name"]] * rates.lr_factor
            if rates.beta1 is not None:
                group["betas"] = (rates.beta1, self._beta2)

    def learning_rates(self) -> dict[str, float]:
        """Group name -> learning rate of the last update."""
        return {group["name"]: group["lr"] for group in self.adamw.param_groups}

    def tensors(self) -> dict[str, Tensor]:
        """The moments, ``<parameter>/<moment>`` -> tensor of the parameter's shape, ``step`` of shape (); not copies."""
        return {
            f"{name}/{moment}": value
            for parameter, name in self._names.items()
            for moment, value in self.adamw.state.get(parameter, {}).items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take the moments of ``tensors``, shaped as in ``tensors()``; a parameter without any has not been updated yet."""
        self.adamw.state.clear()
        by_name = {name: parameter for parameter, name in self._names.items()}
        for key, value in tensors.items():
            name, moment = key.rsplit("/", 1)
            parameter = by_name[name]
            # moments keep the parameter's memory layout, the counter is one number on its device
            place = torch.empty_like(parameter) if moment != "step" else torch.empty((), device=parameter.device)
            self.adamw.state[parameter][moment] = place.copy_(value)


def _check(groups: list[ParameterGroup], names: dict[nn.Parameter, str]) -> None:
    grouped = Counter(parameter for group in groups for parameter in group.parameters)
    faults = {
        "every parameter of a group to belong to the recipe": [repr(tuple(p.shape)) for p in grouped if p not in names],
        "no frozen parameter in a group": [names[p] for p in grouped if p in names and not p.requires_grad],
        "every parameter in one group": [names[p] for p, count in grouped.items() if p in names and count > 1],
        "group names that differ": [name for name, count in Counter(group.name for group in groups).items() if count > 1],
        "something to train": [] if grouped else ["no parameter in any group"],
    }
    for expected, found in faults.items():
        _refuse_any(expected, found)


def require_all_grouped(recipe: Recipe, groups: list[ParameterGroup]) -> None:
    """ContractError where a trainable parameter of ``recipe`` is in none of the groups of all its stages."""
    grouped = {parameter for group in groups for parameter in group.parameters}
    lost = [name for name, parameter in recipe.named_parameters() if parameter.requires_grad and parameter not in grouped]
    _refuse_any("every trainable parameter in a group", lost)


def _refuse_any(expected: str, found: list[str]) -> None:
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise ContractError(
            expected=expected,
            got=", ".join(found[:3]) + more,
            remedy="correct the recipe's parameter groups or freezing",
        )


def _split(groups: list[ParameterGroup], spared: set[nn.Parameter], settings: EngineSettings) -> list[dict[str, object]]:
    """AdamW's groups: each of ours, split where part of it is spared weight decay."""
    split: list[dict[str, object]] = []
    for group in groups:
        decay = settings.weight_decay * group.weight_decay_factor
        for value, members in (
            (decay, [p for p in group.parameters if p not in spared]),
            (0.0, [p for p in group.parameters if p in spared]),
        ):
            if members:
                split.append({"params": members, "weight_decay": value, "name": group.name})
    return split


def _spared(recipe: Recipe, kinds: tuple[NoDecay, ...]) -> set[nn.Parameter]:
    """Parameters of the kinds that are not decayed."""
    spared: set[nn.Parameter] = set()
    for module in recipe.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if _kinds(module, name) & set(kinds):
                spared.add(parameter)
    return spared


def _kinds(module: nn.Module, name: str) -> set[NoDecay]:
    kinds: set[NoDecay] = set()
    type_name = type(module).__name__.lower()
    if name in {"bias", "q_bias", "v_bias"}:
        kinds.add("bias")
    if isinstance(module, _NORMS) or type_name.endswith("norm"):  # timm has RmsNorm and others of its own
        kinds.add("norm")
    if name in _POSITION_NAMES:
        kinds.add("pos_embed")
    if "layerscale" in type_name or name in _SCALE_NAMES:
        kinds.add("layer_scale")
    return kinds
