# SPDX-License-Identifier: Apache-2.0
"""The recipe on two processes against one with the same global batch, in double precision (see the metric recipe's)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import save_file

from leadline.contracts.sample import Batch, Field
from leadline.recipes.jepa.recipe import JepaRecipe
from leadline.training.display import SilentDisplay
from leadline.training.engine import Callbacks, train
from leadline.training.run import RunFolder
from tests.recipes.jepa.toy import doubled, toy_batch, toy_recipe
from tests.recipes.metric.test_distributed import largest_gap, outcome
from tests.training.test_distributed import on_two_ranks
from tests.training.toy import changed

SETTINGS = changed(save_every_steps=0, schedule="constant", lr=1e-3, epochs=1, ema_decay=0.0)


@dataclass
class ToyViews:
    """Four pictures a batch, of which each rank has its half."""

    rank: int
    world: int
    steps_per_epoch: int = 4
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.DEPTH, Field.VIEWS})
    skipped: list[str] = field(default_factory=list)

    def batches(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        for step in range(first_step, self.steps_per_epoch):
            rows = [4 * (epoch * self.steps_per_epoch + step) + place for place in range(4)]
            share = slice(self.rank * 4 // self.world, (self.rank + 1) * 4 // self.world)
            yield doubled(toy_batch(*rows[share]))


def recipe_for(accumulate: int) -> JepaRecipe:
    # without batch norms, which look at their own process alone
    terms = {"variance_weight": 0.1 if accumulate == 1 else 0.0, "dense_weight": 0.2, "lamb": 0.3}
    return toy_recipe(decoder="dpt", accumulate=accumulate, log_interval=1, **terms).double()


def run_jepa(rank: int, path: Path, accumulate: int) -> None:
    recipe = recipe_for(accumulate)
    world = dist.get_world_size() if dist.is_initialized() else 1
    train(
        recipe,
        {"train": ToyViews(rank=rank, world=world)},
        replace(SETTINGS, accumulate=accumulate),
        RunFolder.create(path, {}, rank=rank),
        Callbacks(
            validate=None,
            save_model=lambda folder: save_file(recipe.trained.state_dict(), folder / "model.safetensors"),
            display=SilentDisplay(),
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_jepa_recipe__two_processes_end_with_the_weights_of_one(tmp_path: Path, accumulate: int) -> None:
    run_jepa(0, tmp_path / "one", accumulate)
    assert on_two_ranks(run_jepa, tmp_path / "two", accumulate) == [0, 0]
    (lines, weights), (twin_lines, twin_weights) = outcome(tmp_path / "one"), outcome(tmp_path / "two")
    assert len(lines) == len(twin_lines) > 1
    for line, twin in zip(lines, twin_lines, strict=True):
        assert twin == pytest.approx(line, rel=1e-4, abs=1e-6)
    assert largest_gap(weights, twin_weights) < 1e-5
    assert torch.isfinite(torch.tensor(lines[-1]["Train/EpochLoss"]))
