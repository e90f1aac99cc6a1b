# SPDX-License-Identifier: Apache-2.0
"""The ``relative`` recipe: pictures with metres in, a model that predicts disparity up to scale and shift out.

    loss = ssi_weight * L_ssi(d, 1 / depth) + grad_weight * L_gm(d, 1 / depth)

with d the network's disparity, L_ssi the affine-invariant loss of Depth Anything (arXiv 2401.10891) and L_gm the multi-scale
gradient matching of V2 (arXiv 2406.09414), over the valid pixels; the streams mark truth outside (min_depth, max_depth) as
invalid.  With ``objective`` "log" the two are SILog and Sobel gradients of logarithms, see ``supervised.disparity_terms``.
Network: DINOv2 or timm encoder, DPT decoder, plain disparity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Field
from leadline.recipes.supervised.disparity_terms import disparity_terms
from leadline.recipes.supervised.recipe import (
    SupervisedRecipe,
    disparity_truth,
    known_pictures,
    learning_groups,
    weighted_loss,
)

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.contracts.sample import Batch
    from leadline.losses.pooling import SumAcross
    from leadline.models.depth_model import DepthModel
    from leadline.recipes.relative.config import RelativeConfig
    from leadline.training.recipe import ParameterGroup, StepResult


class RelativeRecipe(SupervisedRecipe):
    """Supervised training of one network, or of a part of it, for disparity up to scale and shift."""

    needs = {"train": frozenset({Field.IMAGE, Field.DEPTH})}  # noqa: RUF012 - read only, as every recipe's

    def __init__(self, config: RelativeConfig, model: DepthModel) -> None:
        """Take the model as it is; what ``config.learn`` does not name stays bit for bit.

        Raises:
            UsageError: a name that no trainable tensor begins with.
        """
        super().__init__()
        self.config = config
        self.trained: DepthModel = model
        choose_learning(model, config.learn)

    def loss(self, predicted: Tensor, batch: Batch, sum_across: SumAcross) -> StepResult:
        """The weighted loss of (B,H,W) predicted disparities (scalar); ``parts`` are its raw terms of weight above 0."""
        config, (target, valid) = self.config, disparity_truth(batch)
        return weighted_loss(
            disparity_terms(config.objective, whole=config.ssi_weight, gradient=config.grad_weight),
            lambda term: term(predicted=predicted, target=target, valid=valid, sum_across=sum_across),
            known_pictures(valid),
        )

    def parameter_groups(self) -> list[ParameterGroup]:
        """The encoder, where it learns, at lr / encoder_lr_factor, the decoder at lr."""
        model = self.trained
        encoder_rate = 1 / self.config.encoder_lr_factor
        return learning_groups({"encoder": (model.encoder, encoder_rate), "decoder": (model.decoder, 1.0)})


def choose_learning(model: DepthModel, names: tuple[str, ...]) -> None:
    """Freeze every tensor whose name begins with none of ``names``; a model without a learning encoder has it frozen whole.

    Raises:
        UsageError: a name that no trainable tensor begins with.
    """
    trainable = {name: one for name, one in model.named_parameters() if one.requires_grad}
    for wanted in names:
        if not any(_begins(name, wanted) for name in trainable):
            raise UsageError(
                expected="--learn with the first words of tensor names, e.g. encoder, decoder, decoder.resize_layers.3",
                got=repr(wanted),
                remedy="correct the name; `missing` stands for what the checkpoint lacks",
            )
    for name, parameter in trainable.items():
        parameter.requires_grad = any(_begins(name, wanted) for wanted in names)
    if not any(one.requires_grad for one in model.encoder.parameters()):
        model.freeze_encoder()


def _begins(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted}.")
