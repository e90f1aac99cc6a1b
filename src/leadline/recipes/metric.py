# SPDX-License-Identifier: Apache-2.0
"""The ``metric`` recipe: pictures with metres in, a model that predicts metres out.

    loss = silog_weight * ZoeDepth SILog + grad_weight * ZoeDepth gradient L1 + metric_silog_weight * Depth Anything V2 SiLog

over the pixels that are valid and strictly inside (min_depth, max_depth).  Network: DINOv2 or timm encoder, DPT decoder,
ZoeDepth metric bins (arXiv 2302.12288) or sigmoid x max_depth (arXiv 2406.09414, metric models).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Batch, Field
from leadline.losses.gradient import gradient_l1
from leadline.losses.pooling import SumAcross
from leadline.losses.silog import dav2_silog, zoe_silog
from leadline.models.config import DepthModelConfig, HeadConfig, MetricBinsHeadConfig, SigmoidHeadConfig, v1_taps
from leadline.models.depth_model import DepthModel
from leadline.recipes.metric_pictures import pictured
from leadline.training.recipe import ParameterGroup, Progress, Recipe, StepResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.recipes.metric_config import MetricConfig


class MetricRecipe(Recipe):
    """Supervised training of one network for metres."""

    needs = {"train": frozenset({Field.IMAGE, Field.DEPTH})}  # noqa: RUF012 - read only, as every recipe's

    def __init__(self, config: MetricConfig, model: DepthModel) -> None:
        """Take the model as it is; ``config.train_encoder`` decides whether its encoder learns or stays bit for bit."""
        super().__init__()
        self.config = config
        self.trained: DepthModel = model
        if not config.train_encoder:
            model.freeze_encoder()

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        """The weighted loss (scalar) of one batch; ``parts`` are the raw terms.  (B,3,H,W) pictures, (B,H,W) metres."""
        batch = batches["train"]
        predicted_m = self.trained(self.trained.normalisation.apply(batch.image))
        target_m, valid = targets(batch, self.config)
        parts = self.terms(predicted_m=predicted_m, target_m=target_m, valid=valid, sum_across=progress.sum_across)
        return StepResult(loss=self.total(parts), parts=parts, weight=valid.sum().float())

    def terms(self, *, predicted_m: Tensor, target_m: Tensor, valid: Tensor, sum_across: SumAcross) -> dict[str, Tensor]:
        """The loss terms whose weight is not 0, each a scalar, from (B,H,W) metres and a (B,H,W) mask."""
        terms = {"SILog": zoe_silog, "Grad": gradient_l1, "MetricSILog": dav2_silog}
        return {
            name: term(predicted_m=predicted_m, target_m=target_m, valid=valid, sum_across=sum_across)
            for name, term in terms.items()
            if self.weights[name] != 0
        }

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each term of the loss equation."""
        config = self.config
        return {"SILog": config.silog_weight, "Grad": config.grad_weight, "MetricSILog": config.metric_silog_weight}

    def total(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The loss equation: a scalar from the scalar terms."""
        return torch.stack([self.weights[name] * value for name, value in parts.items()]).sum()

    def pictures(self, batches: Mapping[str, Batch]) -> dict[str, NDArray[np.uint8]]:
        """``Train/Prediction``: RGB, truth, prediction and error of the first picture of a batch, (H,W,3) uint8."""
        batch = batches["train"]
        predicted_m = self.trained(self.trained.normalisation.apply(batch.image))
        _, valid = targets(batch, self.config)
        return {"Train/Prediction": pictured(batch, predicted_m, valid, 0)}

    def parameter_groups(self) -> list[ParameterGroup]:
        """Encoder at lr / encoder_lr_factor (when it is trained), decoder and head at lr."""
        encoder_rate = 1 / self.config.encoder_lr_factor if self.config.use_lr_params else 1.0
        model = self.trained
        parts = [("encoder", model.encoder, encoder_rate), ("decoder", model.decoder, 1.0), ("head", model.head, 1.0)]
        groups = [
            ParameterGroup(name=name, parameters=[one for one in part.parameters() if one.requires_grad], lr_factor=rate)
            for name, part, rate in parts
        ]
        return [group for group in groups if group.parameters]


def targets(batch: Batch, config: MetricConfig) -> tuple[Tensor, Tensor]:
    """(B,H,W) metres and the (B,H,W) mask of pixels that count: valid and strictly inside the range, as ZoeDepth trains."""
    if batch.depth is None or batch.valid is None:
        raise ContractError(
            expected="batches with depth", got=f"none in {batch.keys[0]}", remedy="train on datasets that provide DEPTH"
        )
    inside = (batch.depth > config.min_depth) & (batch.depth < config.max_depth)
    return batch.depth, batch.valid & inside


def model_config(config: MetricConfig) -> DepthModelConfig:
    """The network that the hyper-parameters describe."""
    taps = v1_taps(config.encoder) if config.taps == "v1" else None
    return DepthModelConfig(
        encoder=config.encoder,
        taps=taps,
        decoder_features=config.decoder_features,
        feature_mode=config.feature_mode,
        head=_head(config),
    )


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
