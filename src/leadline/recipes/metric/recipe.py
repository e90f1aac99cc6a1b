# SPDX-License-Identifier: Apache-2.0
"""The ``metric`` recipe: pictures with metres in, a model that predicts metres out.

    loss = silog_weight * ZoeDepth SILog + grad_weight * ZoeDepth gradient L1 + metric_silog_weight * Depth Anything V2 SiLog

over the valid pixels; the streams mark truth outside (min_depth, max_depth) as invalid.  Network: DINOv2 or timm encoder,
DPT decoder, ZoeDepth metric bins (arXiv 2302.12288) or sigmoid x max_depth (arXiv 2406.09414, metric models).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from leadline.contracts.sample import Field
from leadline.losses.gradient import gradient_l1
from leadline.losses.silog import dav2_silog, zoe_silog
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import HeadConfig, MetricBinsHeadConfig, SigmoidHeadConfig
from leadline.recipes.supervised.network import network_with
from leadline.recipes.supervised.pictures import pictured
from leadline.recipes.supervised.recipe import SupervisedRecipe, learning_groups, truth, weighted_loss

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.contracts.sample import Batch
    from leadline.losses.pooling import SumAcross
    from leadline.models.config import DepthModelConfig
    from leadline.recipes.metric.config import MetricConfig
    from leadline.training.recipe import ParameterGroup, StepResult


class MetricRecipe(SupervisedRecipe):
    """Supervised training of one network for metres."""

    needs = {"train": frozenset({Field.IMAGE, Field.DEPTH})}  # noqa: RUF012 - read only, as every recipe's

    def __init__(self, config: MetricConfig, model: DepthModel) -> None:
        """Take the model as it is; ``config.train_encoder`` decides whether its encoder learns or stays bit for bit."""
        super().__init__()
        self.config = config
        self.trained: DepthModel = model
        if not config.train_encoder:
            model.freeze_encoder()

    def loss(self, predicted: Tensor, batch: Batch, sum_across: SumAcross) -> StepResult:
        """The weighted loss of (B,H,W) predicted metres (scalar); ``parts`` are its raw terms of weight above 0."""
        config, (target_m, valid) = self.config, truth(batch)
        terms = {
            "SILog": (config.silog_weight, zoe_silog),
            "Grad": (config.grad_weight, gradient_l1),
            "MetricSILog": (config.metric_silog_weight, dav2_silog),
        }
        return weighted_loss(
            terms,
            lambda term: term(predicted_m=predicted, target_m=target_m, valid=valid, sum_across=sum_across),
            valid.sum(),
        )

    def pictures(self, batches: Mapping[str, Batch]) -> dict[str, NDArray[np.uint8]]:
        """``Train/Prediction``: RGB, truth, prediction and error of the first picture of a batch, (H,W,3) uint8."""
        batch = batches["train"]
        return {"Train/Prediction": pictured(batch, self.predict(batch)[0], 0)}

    def parameter_groups(self) -> list[ParameterGroup]:
        """Encoder at lr / encoder_lr_factor (when it is trained), decoder and head at lr."""
        encoder_rate = 1 / self.config.encoder_lr_factor if self.config.use_lr_params else 1.0
        model = self.trained
        parts = {"encoder": (model.encoder, encoder_rate), "decoder": (model.decoder, 1.0), "head": (model.head, 1.0)}
        return learning_groups(parts)


def model_config(config: MetricConfig) -> DepthModelConfig:
    """The network that the hyper-parameters describe."""
    return dataclasses.replace(network_with(_head(config), config), feature_mode=config.feature_mode)


def _head(config: MetricConfig) -> HeadConfig:
    if config.head == "sigmoid":
        return SigmoidHeadConfig(max_depth_m=config.max_depth)
    return MetricBinsHeadConfig(
        n_bins=config.n_bins,
        bin_centers_type=config.bin_centers_type,
        bin_embedding_dim=config.bin_embedding_dim,
        min_depth_m=config.min_depth,
        max_depth_m=config.max_depth,
        n_attractors=config.n_attractors,
        attractor_alpha=config.attractor_alpha,
        attractor_gamma=config.attractor_gamma,
        attractor_kind=config.attractor_kind,
        attractor_type=config.attractor_type,
        min_temp=config.min_temp,
        max_temp=config.max_temp,
        compat=config.compat,
    )
