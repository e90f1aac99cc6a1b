# SPDX-License-Identifier: Apache-2.0
"""The recipe's three stages on two processes against one with the same global batch, in double precision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import nn

from leadline.contracts.sample import Batch, Field
from leadline.data.batch_tensors import with_tensors
from leadline.training.display import SilentDisplay
from leadline.training.engine import Callbacks, train
from leadline.training.run import RunFolder
from tests.recipes.metric.test_distributed import largest_gap, outcome
from tests.recipes.stereo.toy import shifted_batch, toy_recipe
from tests.training.test_distributed import on_two_ranks
from tests.training.toy import changed

SETTINGS = changed(save_every_steps=0, schedule="constant", lr=1e-3, epochs=3, ema_decay=0.0)


@dataclass
class ToyPairs:
    """Two pairs a batch, of which each rank has its half."""

    rank: int
    world: int
    steps_per_epoch: int = 2
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.STEREO})
    skipped: list[str] = field(default_factory=list)

    def batches(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        for step in range(first_step, self.steps_per_epoch):
            whole = shifted_batch(disparity_px=3 + step, seed=10 * epoch + step)
            share = slice(self.rank * 2 // self.world, (self.rank + 1) * 2 // self.world)
            part = with_tensors(whole, lambda one, share=share: one[share].double())  # type: ignore[misc]
            yield replace(part, keys=whole.keys[share], datasets=whole.datasets[share])


def run_stereo(rank: int, path: Path) -> None:
    recipe = toy_recipe(augment=False, start_stereo=2, start_refine=3, mask_mean="valid").double()
    for module in recipe.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):  # which looks at its own process alone
            module.train = lambda _=True, module=module: nn.Module.train(module, mode=False)  # type: ignore[method-assign,misc]
    world = dist.get_world_size() if dist.is_initialized() else 1
    train(
        recipe,
        {"train": ToyPairs(rank=rank, world=world)},
        SETTINGS,
        RunFolder.create(path, {}, rank=rank),
        Callbacks(
            validate=None,
            save_model=lambda folder: save_file(recipe.trained.state_dict(), folder / "model.safetensors"),
            display=SilentDisplay(),
        ),
    )


@pytest.mark.slow
def test_stereo_recipe__two_processes_end_with_the_weights_of_one(tmp_path: Path) -> None:
    run_stereo(0, tmp_path / "one")
    assert on_two_ranks(run_stereo, tmp_path / "two") == [0, 0]
    (lines, weights), (twin_lines, twin_weights) = outcome(tmp_path / "one"), outcome(tmp_path / "two")
    assert len(lines) == len(twin_lines) > 1
    assert any("Train/EpochRefine/Distillation" in line for line in lines)
    for line, twin in zip(lines, twin_lines, strict=True):
        assert twin == pytest.approx(line, rel=1e-4, abs=1e-6)
    assert largest_gap(weights, twin_weights) < 1e-5
    assert torch.isfinite(torch.tensor(lines[-1]["Train/EpochLoss"]))
