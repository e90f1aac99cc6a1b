# SPDX-License-Identifier: Apache-2.0
"""Pairs with one exact disparity, and stereo recipes small enough to step in a blink."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from leadline.contracts.camera import Camera
from leadline.contracts.sample import Batch, StereoView
from leadline.geometry.camera import pinhole_matrix
from leadline.losses.pooling import keep
from leadline.models.stereo.stereo_model import StereoModel
from leadline.recipes.stereo.config import StereoConfig
from leadline.recipes.stereo.recipe import StereoRecipe
from leadline.training.recipe import Progress

SIZE = (64, 128)


def progress(stage: str, epoch: int = 40) -> Progress:
    return Progress(epoch=epoch, step=3, total_steps=100, sum_across=keep, stage=stage)


def shifted_batch(*, disparity_px: int = 5, pairs: int = 2, size: tuple[int, int] = SIZE, seed: int = 0) -> Batch:
    """Random textures of which the right view is the left one, ``disparity_px`` columns on."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(pairs, 3, size[0] // 4, (size[1] + 64) // 4, generator=generator)
    wide = torch.nn.functional.interpolate(coarse, (size[0], size[1] + 64), mode="bilinear")
    left, right = wide[..., 32 : 32 + size[1]], wide[..., 32 + disparity_px : 32 + disparity_px + size[1]]
    return Batch(
        keys=tuple(f"pair{index}" for index in range(pairs)),
        datasets=("toy",) * pairs,
        image=left,
        camera=Camera(matrix=pinhole_matrix(*size, field_of_view_deg=60.0).expand(pairs, 3, 3)),
        stereo=StereoView(
            image=right,
            baseline_m=torch.full((pairs,), 0.2),
            disparity_px=torch.full((pairs, *size), float(disparity_px)),
        ),
    )


def toy_config(**changes: Any) -> StereoConfig:
    settings: dict[str, Any] = {
        "datasets": ("procedural",),
        "encoder": "dinov2-toy",
        "decoder_channels": (16, 16, 16, 16),
        "levels": 9,
        "least_disparity": 1.0,
        "greatest_disparity": 16.0,
        "full_size": SIZE,
        "target_size": SIZE,
        "scale_range": (1.0, 1.0),
        "loss_mono": ("photometric", "smooth=0.0008"),
    }
    return StereoConfig(**settings | changes)


def toy_recipe(**changes: Any) -> StereoRecipe:
    config = toy_config(**changes)
    torch.manual_seed(0)
    return StereoRecipe(config, StereoModel(config.network())).train()


def run_config(folder: Path, **changes: Any) -> StereoConfig:
    """A whole run of seconds: four scenes, three epochs, a stage more in each."""
    settings: dict[str, Any] = {
        "procedural_count": 4,
        "validation_images": 2,
        "batch_size": 2,
        "num_epochs": 3,
        "start_stereo": 2,
        "start_refine": 3,
        "num_workers": 0,
        "check_pairs": 2,
        "device": "cpu",
        "amp": False,
        "save_dir": folder / "run",
        "log_dir": folder / "logs",
    }
    return toy_config(**settings | changes)
