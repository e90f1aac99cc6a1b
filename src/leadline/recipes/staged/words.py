# SPDX-License-Identifier: Apache-2.0
"""A frozen teacher and a batch of clean pictures enter; what a student shall believe of them leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from leadline.recipes.staged.frozen import Frozen
from leadline.recipes.supervised.recipe import disparity_truth

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.contracts.sample import Batch
    from leadline.models.depth_model import DepthModel

_CONSTANT = 1e-6  # values within this share of the greatest are one value, as where labels are written


class TeachersWords:
    """Labels from disk, from the teacher itself, or from the teacher where there are none.

    Args:
        teacher: frozen here; None where every picture comes with a label.
    """

    def __init__(self, teacher: DepthModel | None) -> None:
        self._teacher = None if teacher is None else Frozen(teacher)

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(B,3,H,W) clean pictures -> (B,H,W) disparity up to scale and shift, and where it is known.

        Nothing is known of a picture of which one and the same value is said everywhere: of sky alone, or by a dead teacher.
        """
        labels, known = self._said(batch)
        lowest = torch.where(known, labels, torch.inf).amin(dim=(1, 2))
        highest = torch.where(known, labels, -torch.inf).amax(dim=(1, 2))
        return labels, known & (highest - lowest > _CONSTANT * highest.abs().maximum(lowest.abs()))[:, None, None]

    def _said(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if self._teacher is None:
            return disparity_truth(batch)
        teacher = self._teacher.on(batch.image.device)
        if batch.depth is None or batch.valid is None:
            said = self._asked(teacher, batch.image)
            return said, torch.ones_like(said, dtype=torch.bool)
        labels, valid = disparity_truth(batch)
        lacking = ~valid.flatten(1).any(dim=1)
        if bool(lacking.any()):
            labels, valid = labels.clone(), valid.clone()
            labels[lacking] = self._asked(teacher, batch.image[lacking])
            valid[lacking] = True
        return labels, valid

    @staticmethod
    def _asked(teacher: DepthModel, image: Tensor) -> Tensor:
        with torch.no_grad():
            said: Tensor = teacher(teacher.normalisation.apply(image))
        return said.float()
