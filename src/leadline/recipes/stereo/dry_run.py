# SPDX-License-Identifier: Apache-2.0
"""Hyper-parameters enter; what a training would do, stage by stage, leaves as text: nothing is read, loaded or written."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import torch

from leadline.models.stereo.stereo_model import StereoModel
from leadline.recipes.stereo.recipe import StereoRecipe
from leadline.recipes.supervised.run import described
from leadline.training.config_file import to_toml
from leadline.training.schedule import rates_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leadline.recipes.stereo.config import StereoConfig


def told_plan(config: StereoConfig, sources: Mapping[str, str]) -> str:
    """The resolved configuration, what each stage trains, and the learning rate of every epoch, as markdown."""
    with torch.device("meta"):
        recipe = StereoRecipe(config, StereoModel(config.network()))
    parts = [
        "## Configuration\n",
        to_toml(described(config, sources)),
        "\n## Trained parameters\n",
        *_table(("stage", "from epoch", "part", "tensors", "parameters", "factor of lr"), _trained(recipe)),
        "\n## Losses\n",
        *_table(("stage", "loss", "weight"), _losses(recipe)),
        "\n## Learning rates (factor 1)\n",
        *_table(("epochs", *recipe.specs), _rates(config, recipe)),
    ]
    return "\n".join(parts) + "\n"


def _trained(recipe: StereoRecipe) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, spec in recipe.specs.items():
        for group in recipe.stage_groups(name):
            numbers = sum(parameter.numel() for parameter in group.parameters)
            rows.append(
                (name, str(spec.start_epoch), group.name, str(len(group.parameters)), f"{numbers:,}", f"{group.lr_factor:g}")
            )
    return rows


def _losses(recipe: StereoRecipe) -> list[tuple[str, ...]]:
    return [(name, loss, f"{weight:g}") for name, spec in recipe.specs.items() for loss, weight in spec.losses.items()]


def _rates(config: StereoConfig, recipe: StereoRecipe) -> list[tuple[str, ...]]:
    """Runs of epochs, counted from 1, in which no rate changes."""
    by_epoch: list[tuple[str, ...]] = []
    for epoch in range(config.num_epochs):
        row: list[str] = []
        for stage in recipe.stages:
            rates = rates_at(stage.settings(config.engine), update=epoch, updates_per_epoch=1)
            row.append(f"{config.lr * rates.lr_factor:g}" if epoch >= stage.first_epoch else "-")
        by_epoch.append(tuple(row))
    rows: list[tuple[str, ...]] = []
    first = 1
    for rates_of_all, same in groupby(by_epoch):
        last = first + len(list(same)) - 1
        rows.append((f"{first} to {last}" if last > first else str(first), *rates_of_all))
        first = last + 1
    return rows


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return [f"| {line} |" for line in lines]
