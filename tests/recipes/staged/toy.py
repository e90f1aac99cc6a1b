# SPDX-License-Identifier: Apache-2.0
"""Toy chains: a few procedural scenes with truth, a folder of small pictures without, networks of a few thousand weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.sample import Batch
from leadline.losses.pooling import keep
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import RelativeHeadConfig
from leadline.models.weights import save_model
from leadline.recipes.distillation.config import DistillationConfig
from leadline.recipes.semi_supervised.config import SemiSupervisedConfig
from leadline.recipes.staged.config import StagedConfig
from leadline.recipes.supervised.run import Start
from leadline.training.display import SilentDisplay
from leadline.training.recipe import Progress

START = Start(sources={}, display=SilentDisplay())
PROGRESS = Progress(epoch=0, step=0, total_steps=1, sum_across=keep)
H, W = 28, 42
Config = TypeVar("Config", bound=StagedConfig)


def toy_model(seed: int) -> DepthModel:
    """Relative disparity from random weights; its answers differ from pixel to pixel."""
    torch.manual_seed(seed)
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy", head=RelativeHeadConfig()))
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(3.0)
    return model.eval()


def write_weights(path: Path, seed: int = 1) -> str:
    save_file({name: one.contiguous() for name, one in toy_model(seed).state_dict().items()}, path)
    return str(path)


def write_teacher(folder: Path, seed: int = 2) -> str:
    save_model(folder, toy_model(seed))
    return str(folder)


def write_pictures(root: Path, count: int = 8, size: tuple[int, int] = (H, W)) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for index in range(count):
        coarse = generator.integers(0, 256, (4, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((size[1], size[0]), Image.Resampling.BILINEAR).save(root / f"{index:03}.png")
    return root


def staged(kind: type[Config], tmp_path: Path, **changes: Any) -> Config:
    """A chain in ``tmp_path`` that learns in seconds."""
    pictures = tmp_path / "pictures"
    if not pictures.is_dir():
        write_pictures(pictures)
    small = kind(
        encoder="dinov2-toy",
        datasets=("procedural",),
        procedural_count=4,
        unlabelled_root=(f"image_folder={pictures}",),
        teacher_epochs=1,
        teacher_batch_size=2,
        batch_size=3,
        num_epochs=1,
        validation_images=2,
        num_workers=0,
        target_size=(H, W),
        label_threads=1,
        feature_target="none",
        device="cpu",
        save_dir=tmp_path / "run",
        log_dir=tmp_path / "logs",
    )
    return dataclasses.replace(small, **changes)


def semi(tmp_path: Path, **changes: Any) -> SemiSupervisedConfig:
    return staged(SemiSupervisedConfig, tmp_path, **{"guide_epochs": 1, "guide_batch_size": 2, **changes})


def distilled(tmp_path: Path, **changes: Any) -> DistillationConfig:
    return staged(DistillationConfig, tmp_path, **changes)


def pictures_batch(count: int = 4, seed: int = 3) -> Batch:
    """Pictures alone."""
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        keys=tuple(map(str, range(count))),
        datasets=("toy",) * count,
        image=torch.rand(count, 3, H, W, generator=generator),
    )


def disparity_batch(count: int = 2, seed: int = 4) -> Batch:
    """Pictures with disparity; a fifth of the pixels is NaN and not valid."""
    generator = torch.Generator().manual_seed(seed)
    valid = torch.rand(count, H, W, generator=generator) > 0.2
    disparity = torch.rand(count, H, W, generator=generator) + 0.1
    return dataclasses.replace(
        pictures_batch(count, seed),
        depth=torch.where(valid, disparity, torch.nan),
        valid=valid,
        kind=DepthKind.AFFINE_DISPARITY,
    )
