# SPDX-License-Identifier: Apache-2.0
"""Batches of random views, and recipes small enough to step in a blink."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from leadline.contracts.sample import Batch, Sample, Views
from leadline.data.batch_tensors import with_tensors
from leadline.data.collation import collate
from leadline.losses.pooling import keep
from leadline.models.depth_model import DepthModel
from leadline.recipes.jepa.config import JepaConfig
from leadline.recipes.jepa.recipe import JepaRecipe, model_config
from leadline.training.recipe import Progress
from leadline.transforms.multiview import Crops, MultiView

GLOBAL, LOCAL = (28, 42), (14, 28)
START = Progress(epoch=0, step=3, total_steps=100, sum_across=keep)


def toy_sample(index: int) -> Sample:
    """Random colours and depth, a fifth of it invalid; picture 3 has nothing valid but a few rows."""
    generator = torch.Generator().manual_seed(index)
    valid = torch.rand(40, 60, generator=generator) > 0.2
    if index == 3:
        valid[4:] = False
    depth = torch.where(valid, 1 + 9 * torch.rand(40, 60, generator=generator), torch.nan)
    return Sample(key=str(index), dataset="toy", image=torch.rand(3, 40, 60, generator=generator), depth=depth, valid=valid)


def toy_batch(*rows: int, v_global: int = 2, v_local: int = 2, local: tuple[int, int] = LOCAL) -> Batch:
    """Views of these pictures, each its own whatever stands beside it."""
    transform = MultiView(
        global_views=Crops(count=v_global, size=GLOBAL, area=(0.4, 1.0)),
        local_views=Crops(count=v_local, size=local, area=(0.05, 0.4)),
    )
    chosen = rows or (0, 1, 2, 3)
    return collate([transform(toy_sample(row), torch.Generator().manual_seed(row)) for row in chosen])


def whole_batch(*rows: int) -> Batch:
    """The same pictures as one view each, as with ``--full-size``."""
    return with_tensors(collate([toy_sample(row) for row in rows]), lambda one: one[..., :28, :56])


def doubled(batch: Batch) -> Batch:
    """In float64, where sums in another order differ by nothing that matters."""
    return with_tensors(batch, lambda one: one.double() if one.is_floating_point() else one)


def toy_config(**changes: Any) -> JepaConfig:
    config = JepaConfig(
        encoder="dinov2-toy",
        decoder_features=8,
        max_depth=12.0,
        datasets=("procedural",),
        slices=16,
        proj_dim=6,
        proj_hidden=8,
        proj_norm="layer",
        batch_size=4,
    )
    return dataclasses.replace(config, **changes)


def toy_recipe(**changes: Any) -> JepaRecipe:
    torch.manual_seed(0)
    config = toy_config(**changes)
    return JepaRecipe(config, DepthModel(model_config(config)))


def run_config(folder: Path, **changes: Any) -> JepaConfig:
    """A run of seconds on rendered scenes."""
    config = toy_config(
        procedural_count=6,
        batch_size=2,
        num_epochs=2,
        num_workers=0,
        validation_images=3,
        target_size=(28, 42),
        local_size=(14, 28),
        v_local=1,
        max_depth=80.0,
        log_interval=1,
        device="cpu",
        save_dir=folder / "run",
        log_dir=folder / "logs",
    )
    return dataclasses.replace(config, **changes)


def views_in(batch: Batch) -> Views:
    assert batch.views is not None
    return batch.views
