# SPDX-License-Identifier: Apache-2.0
"""The ``stereo`` recipe: rectified pairs without depth in, one network for one eye and for two out (TiO-Depth).

Each update goes through the stages that have begun, each with its own loss, parts and optimiser.  L, R are the left and the
right picture, d disparity in pixels, p = softmax(logits) over the disparity levels, L(x) = R(x - d(x)) where both see it:

    mono     predicts p of R.  L' = sum_i p_i(moved to L) R(moved by level i)
             loss = photometric |L' - L| + perceptual sum_k |VGG_k(L') - VGG_k(L)|^2 + smooth S(d_R)
    stereo   predicts p of L from both, with mono's d and p of L as guide g
             loss = photometric [0.85 SSIM + 0.15 L1](R warped by d, T) + smooth S(d) + cost sum_levels C(a, p_g)
                  + gradient | |grad d| - |grad g| | + out-of-view (1 - V) |d - g|,   T = M L + (1 - M) (R warped by g)
    refine   second monocular path p_r learns from both, P = w p_stereo + (1 - w) p_mono
             loss = distillation sum_i P_i (log P_i - log p_r,i)

S is second-order edge-aware smoothness, C the guidance of the matching cost a, V what of L lies inside R, M what of that
nothing hides from R, w 1 where stereo is sure.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import torch

from leadline.contracts.sample import Field
from leadline.losses.maps import full_precision, masked_mean
from leadline.models.stereo.adaptation import apply_policy
from leadline.recipes.stereo.groups import stage_parts
from leadline.recipes.stereo.guide import LEFT, Guide, Lesson, fused_volume, guide_of
from leadline.recipes.stereo.pair import Pair, pair_colours, pair_of
from leadline.recipes.stereo.pictures import pictured_stages
from leadline.recipes.stereo.terms import mono_terms, refine_terms, stereo_terms
from leadline.training.recipe import ParameterGroup, Recipe, StepResult, TrainingStage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.contracts.sample import Batch
    from leadline.losses.perceptual import PerceptualDifference
    from leadline.models.stereo.stereo_model import StereoModel
    from leadline.recipes.stereo.config import StereoConfig
    from leadline.recipes.stereo.stages import StageSpec
    from leadline.training.recipe import Progress

Maps = tuple["Tensor", ...]


class StereoRecipe(Recipe):
    """Training of one network on pairs, stage by stage.

    Attributes:
        trained: the network.
        specs: the stages that were asked for, by name.
        refining: () bool, whether stage refine has begun.
    """

    refining: Tensor

    def __init__(self, config: StereoConfig, model: StereoModel, perceptual: PerceptualDifference | None = None) -> None:
        """Take the model as it is; ``perceptual`` None leaves that loss out."""
        super().__init__()
        self.config = config
        self.trained: StereoModel = model
        self.needs = {"train": frozenset({Field.IMAGE, Field.STEREO})}
        self.specs = {spec.name: spec for spec in config.stages()}
        self.stages = tuple(
            TrainingStage(name=name, first_epoch=spec.start_epoch - 1, milestones=spec.milestones)
            for name, spec in self.specs.items()
        )
        self._perceptual = [perceptual] if perceptual else []  # in a list, so that no checkpoint holds VGG
        self._colours = pair_colours(config)
        self._lesson: Lesson | None = None
        self.register_buffer("refining", torch.zeros((), dtype=torch.bool))
        policies = config.policies()
        apply_policy(model.pyramid, backbone=policies["backbone"], neck=policies["neck"])
        self._rest_unused()

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        """The loss of one stage on one batch of pairs; ``parts`` are its raw terms, named ``Mono/Photometric`` and so on."""
        spec = self.specs[progress.stage]  # type: ignore[index]
        self._let_rest(progress.epoch)
        pair = pair_of(batches["train"], self._colours)
        terms, disparity_px = getattr(self, f"_{spec.name}")(pair, spec, progress)
        total = torch.stack([spec.losses[name] * value for name, value in terms.items()]).sum()
        parts = {f"{spec.name.title()}/{name.title()}": value for name, value in terms.items()}
        return StepResult(loss=total, parts=parts, predicted=disparity_px)

    def _mono(self, pair: Pair, spec: StageSpec, _: Progress) -> tuple[dict[str, Tensor], Tensor]:
        logits = self.trained.mono(self._features(pair.seen_right, spec), pair.size)
        disparity_px = self.trained.disparity_px(logits)
        perceptual = self._perceptual[0].to(pair.left.device) if self._perceptual else None
        terms = mono_terms(
            pair, logits, disparity_px, levels_px=self.trained.levels_px, losses=spec.losses, perceptual=perceptual
        )
        return terms, disparity_px

    def _stereo(self, pair: Pair, spec: StageSpec, progress: Progress) -> tuple[dict[str, Tensor], Tensor]:
        left, right = self._features(pair.seen_left, spec), self._features(pair.seen_right, spec)
        guide = self._guide(pair, left)
        found = self.trained.stereo_target(left, right, pair.size, direction=LEFT)
        disparity_px = self.trained.disparity_px(found.logits)
        if "refine" in self.specs and progress.epoch + 1 >= self.specs["refine"].start_epoch:
            self._lesson = self._lesson_of(pair, left, guide.probabilities, found.logits)
        mean = partial(masked_mean, over=self.config.mask_mean, sum_across=progress.sum_across)
        terms = stereo_terms(pair, disparity_px, found.costs, guide, losses=spec.losses, mean=mean)
        return terms, disparity_px

    def _begin_refining(self) -> None:
        """Put the refined path where the raw one is, once, where that was asked for."""
        decoder = self.trained.decoder
        if self.config.refine_from == "raw" and not self.refining and decoder.refined is not None:
            decoder.refined.load_state_dict(decoder.raw.ending.state_dict())
        self.refining.fill_(value=True)

    def _refine(self, pair: Pair, spec: StageSpec, _: Progress) -> tuple[dict[str, Tensor], Tensor]:
        self._begin_refining()
        lesson, self._lesson = self._lesson, None
        if lesson is None or not lesson.is_of(pair.seen_left):
            with self._teaching():
                left, right = self.trained.features(pair.seen_left), self.trained.features(pair.seen_right)
                mono = full_precision(self.trained.mono(left, pair.size)).softmax(dim=1)
                stereo_logits = self.trained.stereo_target(left, right, pair.size, direction=LEFT).logits
                lesson = self._lesson_of(pair, left, mono, stereo_logits)
        learns = bool({"backbone", "neck"} & spec.trains.keys())
        left = self._features(pair.seen_left, spec) if learns else lesson.features
        logits = self.trained.refined(left, pair.size)
        return refine_terms(logits, lesson.fused), self.trained.disparity_px(logits)

    def pictures(self, batches: Mapping[str, Batch]) -> dict[str, NDArray[np.uint8]]:
        """``Train/Pair``: the first pair with what each path says of it, its reconstructions and masks."""
        return {"Train/Pair": pictured_stages(self.trained, pair_of(batches["train"], None))}

    def parameter_groups(self) -> list[ParameterGroup]:
        """All that any stage trains, in one group; stages have their own."""
        trained = [parameter for parameter in self.trained.parameters() if parameter.requires_grad]
        return [ParameterGroup(name="all", parameters=trained)]

    def stage_groups(self, stage: str) -> list[ParameterGroup]:
        """The parts that a stage trains, each at its own factor, without what its policy keeps."""
        trains = self.specs[stage].trains  # type: ignore[index]
        return stage_parts(self.trained.parts(), trains, layer_decay=self.config.layer_decay)

    def after_step(self) -> None:
        """An update is over; the next has other pictures."""
        self._lesson = None

    def _lesson_of(self, pair: Pair, left: Maps, mono_probabilities: Tensor, stereo_logits: Tensor) -> Lesson:
        fused = fused_volume(self.trained, mono_probabilities=mono_probabilities, stereo_logits=stereo_logits)
        return Lesson(image=pair.seen_left, features=tuple(one.detach() for one in left), fused=fused)

    def _guide(self, pair: Pair, left: Maps) -> Guide:
        with self._teaching():
            return guide_of(self.trained, self.trained.mono(left, pair.size), pair)

    def _features(self, image_B3HW: Tensor, spec: StageSpec) -> Maps:
        """The encoder's maps; of a stage that does not train the encoder, as in prediction and without gradients."""
        if {"backbone", "neck"} & spec.trains.keys():
            return self.trained.features(image_B3HW)
        with self._teaching():
            return self.trained.features(image_B3HW)

    @contextmanager
    def _teaching(self) -> Iterator[None]:
        """Within, the network speaks as it would in prediction: no gradients, no drop paths, no statistics gathered."""
        training = self.trained.training
        self.trained.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.trained.train(training)

    def _let_rest(self, epoch: int) -> None:
        """From --freeze-backbone-from on, the trunk gets no gradient, so its optimiser leaves it alone."""
        if self.config.freeze_backbone_from and epoch + 1 >= self.config.freeze_backbone_from:
            self.trained.parts()["backbone"].requires_grad_(requires_grad=False)

    def _rest_unused(self) -> None:
        """What no stage trains is frozen: it would belong to no optimiser."""
        used = {name for spec in self.specs.values() for name, factor in spec.trains.items() if factor > 0}
        for name, part in self.trained.parts().items():
            if name not in used:
                part.requires_grad_(requires_grad=False)
