# SPDX-License-Identifier: Apache-2.0
"""Small batches of rendered frames whose depth and motion are known."""

from __future__ import annotations

import torch

from leadline.contracts.sample import Batch
from leadline.data.collation import collate
from leadline.data.procedural.scenes import ProceduralScenes
from leadline.models.stereo.config import StereoModelConfig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.sigmoid_model import SigmoidModel


def moving(count: int = 2, *, height: int = 48, width: int = 64) -> Batch:
    """Rooms with frames before and after, and a camera to the right."""
    scenes = ProceduralScenes(
        8, height=height, width=width, neighbours=(-1, 1), stereo=True, baseline_m=0.2, kinds={"room": 1.0}
    )
    return collate([scenes[index] for index in (3, 0, 4, 1)[:count]])


def small_model() -> SigmoidModel:
    pyramid = PyramidConfig(encoder="swin-toy", base_stride=2)
    config = StereoModelConfig(pyramid=pyramid, decoder="sigmoid", matching=False, refined=False, monocular="raw")
    return SigmoidModel(config)


def true_sigmoid(batch: Batch) -> torch.Tensor:
    """(B,H,W) what a perfect decoder would say."""
    assert batch.depth is not None
    assert batch.valid is not None
    depth = torch.where(batch.valid, batch.depth, 50.0)
    return (1 / depth - 1 / 100) / (10 - 1 / 100)
