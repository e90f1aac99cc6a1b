# SPDX-License-Identifier: Apache-2.0
"""The ``jepa`` recipe: several views of each picture in, a model that predicts metres out, or at first an encoder alone.

    loss = depth_weight * mean over views of L_depth(metres, truth)
         + jepa_weight * [(1 - lamb) * Invariance + lamb * SIGReg]        (LeJEPA, arXiv 2511.08544, eq. 7)
         + sigreg_weight * SIGReg + variance_weight * Variance + dense_weight * Dense

    Invariance = mean over pictures n, views v and dimensions of (mu_n - z_nv)^2,  SIGReg = mean over views of SIGReg(z_v)

with z_nv the projected embedding of a view, mu_n the mean over its picture's global views, and no stop-gradient.  L_depth is
Eigen's scale-invariant loss of each view over its valid pixels; truth outside (min_depth, max_depth) is invalid.  A batch of
whole pictures is one view of each.  Network: any encoder, doublings of its last map or DPT, sigmoid x max_depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from leadline.contracts.sample import Batch, Field
from leadline.losses.silog import eigen_scale_invariant
from leadline.losses.smooth_l1 import smooth_l1
from leadline.models.config import TIMM_PREFIX, DepthModelConfig
from leadline.models.head_config import SigmoidHeadConfig
from leadline.recipes.jepa.judge import Judge, SurveyedEmbeddings, together
from leadline.recipes.jepa.looks import Look, look_at, views_of
from leadline.recipes.jepa.pictures import pictured_views
from leadline.recipes.supervised.pictures import pictured
from leadline.recipes.supervised.recipe import SupervisedRecipe, known_pictures, learning_groups, truth, weighted_loss
from leadline.training.recipe import StepResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from leadline.contracts.sample import Views
    from leadline.losses.pooling import SumAcross
    from leadline.models.depth_model import DepthModel
    from leadline.recipes.jepa.config import JepaConfig
    from leadline.training.recipe import ParameterGroup, Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What is known of an update of several batches, over all ranks, before its first step.

    Attributes:
        embeddings: all of them, in sums.
        pictures: () views that learn depth and have any.
    """

    embeddings: SurveyedEmbeddings
    pictures: Tensor


class JepaRecipe(SupervisedRecipe):
    """Training of one network for metres, for embeddings as LeJEPA wants them, or for both."""

    def __init__(self, config: JepaConfig, model: DepthModel) -> None:
        """Take the model as it is; a projector is built only where embeddings are judged."""
        super().__init__()
        self.config = config
        self.trained: DepthModel = model
        learned = {
            Field.IMAGE,
            *([Field.DEPTH] if config.depth_weight else []),
            *([] if config.full_size else [Field.VIEWS]),
        }
        self.needs = {"train": frozenset(learned)}
        self.surveys = config.surveys
        self.judge = Judge(config, model.encoder.layout.channels[-1]) if config.judges else None
        if config.freeze_encoder:
            model.freeze_encoder()
        if config.gradient_checkpointing:
            model.recompute_gradients()

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        """The loss of one batch of the stream "train"; ``parts`` are its raw terms and what embeddings look like.

        Of a surveyed update of k batches, k times this batch's share, because the engine takes the mean of k batches.
        """
        config, views = self.config, views_of(batches["train"])
        looks = self._looks(views)
        survey = progress.surveyed if isinstance(progress.surveyed, Survey) else None
        terms: dict[str, Tensor] = {}
        predicted_m, pictures = None, None
        if config.depth_weight:
            predicted_m, costs, counts = self._depth(looks, progress.sum_across)
            whole = survey.pictures if survey else counts.sum()
            terms["Depth"] = (costs * counts).sum() / whole.clamp(min=1)
            pictures = _known(looks)
        if self.judge is not None:
            terms |= self.judge.terms(looks, views.n_global, progress, survey.embeddings if survey else None)
        weights = {
            "Depth": config.depth_weight,
            "Invariance": config.jepa_weight * (1 - config.lamb),
            "SIGReg": config.jepa_weight * config.lamb + config.sigreg_weight,
            "Variance": config.variance_weight,
            "Dense": config.dense_weight,
        }
        batches_of_update = survey.embeddings.batches if survey else 1
        total = torch.stack([weights[name] * value for name, value in terms.items() if weights[name]]).sum()
        looked = self.judge.watch.parts() if self.judge is not None else {}
        return StepResult(
            loss=batches_of_update * total,
            parts={name: batches_of_update * value for name, value in terms.items()} | looked,
            weight=None if survey else pictures,
            predicted=predicted_m,
        )

    def survey(self, batches: Iterable[Mapping[str, Batch]], progress: Progress) -> Survey | None:
        """The embeddings of all batches of an update in sums, and how many of its views learn depth; no depth is decoded."""
        if self.judge is None:
            return None
        embeddings, pictures = [], [torch.zeros(())]
        for one in batches:
            looks = self._looks(views_of(one["train"]))
            embeddings.append(together(looks))
            if self.config.depth_weight:
                pictures.append(_known(looks))
        known = torch.stack([count.to(embeddings[0].device) for count in pictures]).sum()
        surveyed = self.judge.survey(embeddings, progress)
        return Survey(embeddings=surveyed, pictures=progress.sum_across(known))

    def loss(self, predicted: Tensor, batch: Batch, sum_across: SumAcross) -> StepResult:
        """What (B,H,W) predicted metres cost, as validation sees it: the depth term alone."""
        target_m, valid = truth(batch)
        return weighted_loss(
            {"Depth": (self.config.depth_weight, self._cost)},
            lambda cost: cost(predicted_m=predicted, target_m=target_m, valid=valid, sum_across=sum_across),
            known_pictures(valid),
        )

    def pictures(self, batches: Mapping[str, Batch]) -> dict[str, NDArray[np.uint8]]:
        """``Train/Views``: views of the first picture with their depth; ``Train/Prediction``: what is said of the first."""
        batch = batches["train"]
        drawn = {"Train/Views": pictured_views(views_of(batch), 0)}
        if self.config.depth_weight and batch.depth is not None:
            drawn["Train/Prediction"] = pictured(batch, self.predict(batch)[0], 0)
        return drawn

    def parameter_groups(self) -> list[ParameterGroup]:
        """The encoder, where it learns, at lr / encoder_lr_factor; decoder, head and projector at lr."""
        model = self.trained
        parts: dict[str, tuple[nn.Module, float]] = {
            "encoder": (model.encoder, 1 / self.config.encoder_lr_factor),
            "decoder": (model.decoder, 1.0),
            "head": (model.head, 1.0),
        }
        return learning_groups(parts | ({"projector": (self.judge, 1.0)} if self.judge is not None else {}))

    def _looks(self, views: Views) -> list[Look]:
        """One for each stack of which any view is learned from: of all of them where embeddings are judged."""
        projector = self.judge.projector if self.judge is not None else None
        learning = [self._learning(index, views) for index in range(len(views.stacks))]
        pairs = zip(views.stacks, learning, strict=True)
        return [look_at(one, count, model=self.trained, projector=projector) for one, count in pairs if count or projector]

    def _learning(self, index: int, views: Views) -> int:
        """How many views of a stack learn depth; they are its first."""
        if not self.config.depth_weight:
            return 0
        if self.config.depth_on == "all":
            return len(views.stacks[index].image)
        return views.n_global if index == 0 else 0

    def _depth(self, looks: Sequence[Look], sum_across: SumAcross) -> tuple[Tensor, Tensor, Tensor]:
        """Metres (N,H,W) of the first look; costs (S,) of each look, means over as many views (S,) of all ranks."""
        learning = [look for look in looks if look.learning]
        predicted = [self.trained.decode(look.features_of(look.learning), look.size) for look in learning]
        costs = [
            self._cost(predicted_m=said, target_m=target_m, valid=valid, sum_across=sum_across)
            for said, (target_m, valid) in zip(predicted, (look.truth() for look in learning), strict=True)
        ]
        counts = torch.stack([known_pictures(look.truth()[1]) for look in learning]).float()
        return predicted[0], torch.stack(costs), sum_across(counts)

    def _cost(self, *, predicted_m: Tensor, target_m: Tensor, valid: Tensor, sum_across: SumAcross) -> Tensor:
        """The depth loss of (B,H,W) metres, a mean over pictures: ()."""
        if self.config.depth_loss == "scale-invariant":
            return eigen_scale_invariant(predicted=predicted_m, target=target_m, valid=valid, sum_across=sum_across)
        unit = self.config.max_depth
        return smooth_l1(predicted=predicted_m / unit, target=target_m / unit, valid=valid, sum_across=sum_across)


def _known(looks: Sequence[Look]) -> Tensor:
    """() views of this rank that learn depth and have any."""
    return torch.stack([known_pictures(look.truth()[1]) for look in looks if look.learning]).sum().float()


def model_config(config: JepaConfig) -> DepthModelConfig:
    """The network that the hyper-parameters describe; drop path is timm's."""
    return DepthModelConfig(
        encoder=config.backbone,
        decoder=config.decoder,
        decoder_features=config.decoder_features,
        head=SigmoidHeadConfig(max_depth_m=config.max_depth),
        normalisation=config.normalisation,
        drop_path=config.drop_path if config.backbone.startswith(TIMM_PREFIX) else 0.0,
    )
