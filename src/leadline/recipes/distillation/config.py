# SPDX-License-Identifier: Apache-2.0
"""Every hyper-parameter of the ``distillation`` recipe beside those that chains share.  Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from leadline.recipes.staged.config import StagedConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class DistillationConfig(StagedConfig):
    """Depth Anything V2: a large teacher on rendered pictures, a small student on what it says of real ones."""

    recipe: ClassVar[str] = "distillation"

    batch_size: int = 16
    """Pseudo-labelled pictures per step over all processes."""
    num_epochs: int = 1
    """Sweeps over them."""
    teacher_grad_weight: float = 2.0
    """Weight of gradient matching in the teacher's loss."""
    grad_weight: float = 2.0
    """Weight of gradient matching in the student's loss; 0 skips it."""
    ignore_largest: float = 0.1
    """Share of each picture's pixels, those farthest off, that the objective's first loss does not learn from."""
    perturbation: Literal["strong", "reference", "none"] = "none"
    """How the student's pictures are changed; with a giant teacher the author found it unnecessary."""
