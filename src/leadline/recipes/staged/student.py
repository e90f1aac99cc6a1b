# SPDX-License-Identifier: Apache-2.0
"""What every student shares: a network, a teacher's words and a target for its features enter; looks and terms leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from leadline.recipes.staged.alignment import Projection, Target, require_same_grid
from leadline.recipes.staged.feature_loss import compare_features
from leadline.recipes.supervised.disparity_terms import disparity_terms
from leadline.recipes.supervised.recipe import (
    SupervisedRecipe,
    disparity_truth,
    known_pictures,
    learning_groups,
    weighted_loss,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from leadline.contracts.sample import Batch
    from leadline.losses.pooling import SumAcross
    from leadline.models.depth_model import DepthModel
    from leadline.recipes.staged.config import StagedConfig
    from leadline.recipes.staged.words import TeachersWords
    from leadline.training.recipe import ParameterGroup, StepResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a student says of B pictures.

    Attributes:
        disparity: (B,H,W) up to scale and shift.
        tokens: (B,C,h,w) its encoder's last map, no unit.
    """

    disparity: Tensor
    tokens: Tensor

    def part(self, first: int, end: int) -> Look:
        """The pictures from ``first`` to before ``end``."""
        return Look(disparity=self.disparity[first:end], tokens=self.tokens[first:end])


class StudentRecipe(SupervisedRecipe):
    """A network that learns disparity from what a teacher says.

    Args:
        config: every hyper-parameter.
        model: the student, as it begins.
        words: the teacher's, for the stream of pictures without truth.
        target: of the alignment of features; None without.
    """

    def __init__(self, config: StagedConfig, model: DepthModel, words: TeachersWords, target: Target | None) -> None:
        super().__init__()
        self.settings = config
        self.trained: DepthModel = model
        self.words = words
        self.target = target
        self.projection: nn.Module | None = None
        if target is not None:
            self.projection = Projection(model.encoder.layout.channels[-1], target.channels)
        if not config.train_encoder:
            model.freeze_encoder()

    def look(self, image: Tensor) -> Look:
        """(B,3,H,W) RGB in [0, 1] -> disparity and tokens, in one pass."""
        H, W = image.shape[-2:]
        features = self.trained.encode(self.trained.normalisation.apply(image))
        return Look(disparity=self.trained.decode(features, (H, W)), tokens=features.maps[-1])

    def alignment(self, look: Look, *, image: Tensor, label: Tensor, valid: Tensor, sum_across: SumAcross) -> Tensor:
        """How far (B,C,h,w) tokens are from the target's of (B,3,H,W) pictures with (B,H,W) labels: (), no unit.

        The tokens of all processes are compared as those of one batch: ``sum_across`` as in ``losses.pooling``.
        """
        if self.target is None or self.projection is None:
            return look.disparity.new_zeros(())
        wanted = self.target(image=image, label=label, valid=valid)
        tokens = self.projection(look.tokens)
        require_same_grid(tokens, wanted)
        if self.target.of_label:  # a picture without a label agrees: no gradient, and every process has as many tokens
            tokens = torch.where(valid.flatten(1).any(dim=1)[:, None, None, None], tokens, wanted.to(tokens.dtype))
        kind, margin = self.settings.feature_loss, self.settings.feature_margin
        return compare_features(tokens, wanted, kind=kind, margin=margin, sum_across=sum_across)

    def loss(self, predicted: Tensor, batch: Batch, sum_across: SumAcross) -> StepResult:
        """What (B,H,W) disparities cost on pictures with truth: the labelled part of the loss, as validation sees it."""
        target, valid = disparity_truth(batch)
        return weighted_loss(
            disparity_terms(self.settings.objective, whole=self.settings.ssi_weight, gradient=self.settings.grad_weight),
            lambda term: term(predicted=predicted, target=target, valid=valid, sum_across=sum_across),
            known_pictures(valid),
        )

    def parameter_groups(self) -> list[ParameterGroup]:
        """The encoder, where it learns, at lr / encoder_lr_factor, the decoder and a projection at lr."""
        parts: dict[str, tuple[nn.Module, float]] = {
            "encoder": (self.trained.encoder, 1 / self.settings.encoder_lr_factor),
            "decoder": (self.trained.decoder, 1.0),
        }
        if self.projection is not None:
            parts["projection"] = (self.projection, 1.0)
        return learning_groups(parts)


def drawn_generator() -> torch.Generator:
    """A generator that follows from the run's seed and the number of the batch, which the engine has set."""
    return torch.Generator().manual_seed(int(torch.randint(2**62, ())))
