# SPDX-License-Identifier: Apache-2.0
"""The recipe on two processes against one with the same global batch, in double precision.

In float32 the two part by rounding, and AdamW, which divides a gradient by its own size, turns the rounding of gradients
that are nearly zero into whole steps.  In float64 the same amplification starts a billion times lower, so that what is left
would be an error of ours: a loss pooled per process, say.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import save_file

from leadline.contracts.sample import Batch, Field
from leadline.models.depth_model import DepthModel
from leadline.recipes.metric.config import MetricConfig
from leadline.recipes.metric.recipe import MetricRecipe, model_config
from leadline.training.display import SilentDisplay
from leadline.training.engine import Callbacks, train
from leadline.training.recipe import ValidationResult
from leadline.training.run import RunFolder
from leadline.training.tensor_file import read_tensors
from tests.training.test_distributed import on_two_ranks
from tests.training.toy import ToyStream, changed

SETTINGS = changed(save_every_steps=0, schedule="constant", lr=1e-3, epochs=2)
CONFIG = MetricConfig(
    encoder="dinov2-toy",
    n_bins=8,
    bin_embedding_dim=16,
    train_encoder=True,
    grad_weight=0.5,
    metric_silog_weight=0.25,
    datasets=("procedural",),
)


def double(_: int, batch: Batch) -> Batch:
    assert batch.depth is not None
    return replace(batch, image=batch.image.double(), depth=batch.depth.double())


def run_metric(rank: int, path: Path, accumulate: int) -> None:
    torch.manual_seed(0)
    recipe = MetricRecipe(CONFIG, DepthModel(model_config(CONFIG)).double())
    world = dist.get_world_size() if dist.is_initialized() else 1
    train(
        recipe,
        {
            "train": ToyStream(
                steps_per_epoch=6,
                provides=frozenset({Field.IMAGE, Field.DEPTH}),
                rank=rank,
                world=world,
                spoil=double,
            )
        },
        replace(SETTINGS, accumulate=accumulate),
        RunFolder.create(path, {}, rank=rank),
        Callbacks(
            validate=lambda epoch: ValidationResult(
                scalars={"Val/Epoch": float(epoch)}, selection=float(epoch), selection_name="Val/Epoch", pictures={}
            ),
            save_model=lambda folder: save_file(recipe.trained.state_dict(), folder / "model.safetensors"),
            display=SilentDisplay(),
        ),
    )


def outcome(path: Path) -> tuple[list[dict[str, Any]], dict[str, torch.Tensor]]:
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    stored, _ = read_tensors(path / "checkpoint_latest", "training_state")
    return lines, {name: value for name, value in stored.items() if not name.startswith("random/")}


def largest_gap(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    gaps = [(one[name].double() - other[name].double()).abs().max() for name in one if one[name].numel()]
    return float(torch.stack(gaps).max())


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_metric_recipe__two_processes_end_with_the_weights_of_one(tmp_path: Path, accumulate: int) -> None:
    run_metric(0, tmp_path / "one", accumulate)
    assert on_two_ranks(run_metric, tmp_path / "two", accumulate) == [0, 0]
    (lines, weights), (twin_lines, twin_weights) = outcome(tmp_path / "one"), outcome(tmp_path / "two")
    assert len(lines) == len(twin_lines) == 2 * 6 // accumulate + 2
    for line, twin in zip(lines, twin_lines, strict=True):
        assert twin == pytest.approx(line, rel=1e-9)
    assert largest_gap(weights, twin_weights) < 1e-9
