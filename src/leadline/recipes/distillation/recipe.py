# SPDX-License-Identifier: Apache-2.0
"""The ``distillation`` recipe: real pictures with a teacher's words in, a small student of disparity out.

    loss = ssi L_ssi(d, w; all but the worst tenth of pixels) + grad L_gm(d, w) + feature L_feat

(Depth Anything V2, arXiv 2406.09414, sec. 4 to 6: 1 to 2.)  d is the network's disparity, w the teacher's words of the same
picture, L_ssi the affine-invariant loss over the pixels of each picture that remain when those of largest loss are left out,
L_gm multi-scale gradient matching over all of them, L_feat as in ``staged.alignment``.  The teacher learned by
ssi L_ssi + grad L_gm from truth (recipe ``relative``); no truth reaches the student.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.contracts.sample import Field
from leadline.losses.affine_invariant import affine_invariant
from leadline.losses.silog import silog
from leadline.recipes.staged.perturbations import PERTURBATIONS
from leadline.recipes.staged.student import StudentRecipe, drawn_generator
from leadline.recipes.supervised.disparity_terms import disparity_terms
from leadline.recipes.supervised.recipe import known_pictures, weighted_loss
from leadline.training.recipe import StepResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from leadline.contracts.sample import Batch
    from leadline.recipes.distillation.config import DistillationConfig
    from leadline.training.recipe import Progress


class DistillationRecipe(StudentRecipe):
    """A student that learns from a teacher alone."""

    settings: DistillationConfig
    needs = {"train": frozenset({Field.IMAGE})}  # noqa: RUF012 - read only, as every recipe's

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        """One batch of (B,3,H,W) pictures, with labels where the teacher is not asked."""
        batch, settings = batches["train"], self.settings
        label, known = self.words(batch)
        strong = PERTURBATIONS[settings.perturbation]
        image = strong(batch.image, drawn_generator()) if strong else batch.image
        look = self.look(image)
        terms = disparity_terms(settings.objective, whole=settings.ssi_weight, gradient=settings.grad_weight)
        taught = weighted_loss(terms, self.judge(look.disparity, label, known, progress), known_pictures(known))
        parts, total = dict(taught.parts), taught.loss
        if self.target is not None and settings.feature_weight > 0:
            frozen_sees = image if settings.feature_input == "same" else batch.image
            parts["Feature"] = self.alignment(
                look, image=frozen_sees, label=label, valid=known, sum_across=progress.sum_across
            )
            total = total + settings.feature_weight * parts["Feature"]
        return StepResult(loss=total, parts=parts, weight=taught.weight, predicted=look.disparity)

    def judge(self, predicted: Tensor, label: Tensor, known: Tensor, progress: Progress) -> Callable[..., Tensor]:
        """Applies a term to (B,H,W) maps; of the first of each pair the pixels of largest loss are left out."""
        share = self.settings.ignore_largest

        def apply(term: Callable[..., Tensor]) -> Tensor:
            masked = {"ignore_largest": share} if term in (affine_invariant, silog) and share > 0 else {}
            return term(predicted=predicted, target=label, valid=known, sum_across=progress.sum_across, **masked)

        return apply
