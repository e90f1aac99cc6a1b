# SPDX-License-Identifier: Apache-2.0
"""The ``semi-supervised`` recipe: pictures with truth and pictures with a teacher's words in, a student of disparity out.

    loss = (w_l L_l + w_u L_u + w_f L_feat) / terms        (Depth Anything V1, arXiv 2401.10891, sec. 3; terms in use)

    L_l     = ssi L_ssi(d, 1 / depth) + grad L_gm           on labelled pictures
    L_u     = sum over regions M of |M| / HW  L_ssi(d, teacher's words; pixels of M)
              the student sees u = u_a M + u_b (1 - M), perturbed; the teacher saw u_a and u_b clean.  A picture that is not
              mixed is one region.
    L_feat  = how far the tokens of the encoder's last map are from those of a frozen network (see ``staged.alignment``)

d is the network's disparity.  Labelled to unlabelled pictures are exactly 1 to 2 in every batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from leadline.contracts.sample import Field
from leadline.losses.regional import regional
from leadline.recipes.staged.perturbations import PERTURBATIONS
from leadline.recipes.staged.student import Look, StudentRecipe, drawn_generator
from leadline.recipes.supervised.recipe import disparity_truth, known_pictures
from leadline.training.recipe import StepResult
from leadline.transforms.cutmix import CutMix, mixed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from leadline.contracts.sample import Batch
    from leadline.losses.pooling import SumAcross
    from leadline.recipes.semi_supervised.config import SemiSupervisedConfig
    from leadline.training.recipe import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Unlabelled pictures as the student sees them, mixed, and what is known of them, mixed alike.

    Attributes:
        image, clean: (B,3,H,W) RGB in [0, 1], perturbed or not.
        label: (B,H,W) the teacher's disparity, of two pictures with factors and offsets of their own.
        known: (B,H,W) bool.
    """

    image: Tensor
    clean: Tensor
    label: Tensor
    known: Tensor


class SemiSupervisedRecipe(StudentRecipe):
    """A student that learns from truth and from a teacher at once."""

    settings: SemiSupervisedConfig
    needs = {"train": frozenset({Field.IMAGE, Field.DEPTH}), "unlabelled": frozenset({Field.IMAGE})}  # noqa: RUF012

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        """One batch of the stream "train" (B,3,H,W) with (B,H,W) depth and one of "unlabelled", twice as many pictures."""
        labelled, unlabelled = batches["train"], batches["unlabelled"]
        label, known = self.words(unlabelled)
        image, inside = self.disturbed(unlabelled.image)
        seen = Seen(
            image=image, clean=mixed(unlabelled.image, inside), label=mixed(label, inside), known=mixed(known, inside)
        )
        look = self.look(torch.cat([labelled.image, image]))
        ours, theirs = look.part(0, len(labelled.keys)), look.part(len(labelled.keys), len(look.disparity))
        taught = self.loss(ours.disparity, labelled, progress.sum_across)
        parts = {f"Labelled{name}": value for name, value in taught.parts.items()}
        terms = [self.settings.labelled_weight * taught.loss]
        if self.settings.unlabelled_weight > 0:
            parts["UnlabelledSSI"] = self.settings.ssi_weight * regional(
                predicted=theirs.disparity,
                target=seen.label,
                valid=seen.known,
                inside=inside,
                ignore_largest=self.settings.ignore_largest,
                sum_across=progress.sum_across,
            )
            terms.append(self.settings.unlabelled_weight * parts["UnlabelledSSI"])
        if self.target is not None and self.settings.feature_weight > 0:
            parts["Feature"] = self.aligned(ours, theirs, labelled, seen, progress.sum_across)
            terms.append(self.settings.feature_weight * parts["Feature"])
        return StepResult(
            loss=torch.stack(terms).sum() / len(terms),
            parts=parts,
            weight=known_pictures(torch.cat([disparity_truth(labelled)[1], seen.known])).float(),
            predicted=look.disparity,
        )

    def disturbed(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B,3,H,W) clean pictures -> what the student sees, and (B,H,W) where it is the picture's own."""
        generator = drawn_generator()
        strong = PERTURBATIONS[self.settings.perturbation]
        changed = strong(image, generator) if strong else image
        cut = CutMix(p=self.settings.cutmix, box=self.settings.cutmix_box)
        H, W = image.shape[-2:]
        inside = cut.masks(len(image), height=H, width=W, generator=generator).to(image.device)
        return mixed(changed, inside), inside

    def aligned(self, ours: Look, theirs: Look, labelled: Batch, seen: Seen, sum_across: SumAcross) -> Tensor:
        """The mean alignment over the pictures that ``feature_on`` names: (), no unit."""
        terms = []
        if self.settings.feature_on in ("unlabelled", "both"):
            image = seen.image if self.settings.feature_input == "same" else seen.clean
            terms.append(self.alignment(theirs, image=image, label=seen.label, valid=seen.known, sum_across=sum_across))
        if self.settings.feature_on in ("labelled", "both"):
            target, valid = disparity_truth(labelled)
            terms.append(self.alignment(ours, image=labelled.image, label=target, valid=valid, sum_across=sum_across))
        return torch.stack(terms).mean()
