# SPDX-License-Identifier: Apache-2.0
"""Every hyper-parameter of the ``semi-supervised`` recipe beside those that chains share.  Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from leadline.contracts.errors import UsageError, require
from leadline.recipes.staged.config import StagedConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class SemiSupervisedConfig(StagedConfig):
    """Depth Anything V1: a student on truth, and on pictures that it sees perturbed and its teacher sees clean."""

    recipe: ClassVar[str] = "semi-supervised"
    least: ClassVar[dict[str, int]] = {**StagedConfig.least, "guide_epochs": 1, "guide_batch_size": 1}

    teacher: bool = False
    """Run the teacher's stage, as the reference's command line has it: --stage teacher."""
    student: bool = False
    """Run the student's stage: --stage student."""

    batch_size: int = 24
    """Pictures per step over all processes: a third labelled, two thirds not, rounded down to whole triples."""
    num_epochs: int = 1
    """Sweeps over the unlabelled pictures."""

    labelled_weight: float = 1.0
    """Weight of the loss on labelled pictures."""
    unlabelled_weight: float = 1.0
    """Weight of the loss on unlabelled pictures; 0: labelled pictures only."""
    feature_on: Literal["unlabelled", "labelled", "both"] = "unlabelled"
    """Whose features are aligned."""
    perturbation: Literal["strong", "reference", "none"] = "strong"
    """How the student's unlabelled pictures are changed: colour jitter, greying and blur of UniMatch, or the V1 training
    reference's jitter and blur, always."""
    cutmix: float = 0.5
    """Probability that an unlabelled picture is mixed with another."""
    cutmix_box: Literal["random", "quarter"] = "random"
    """A random rectangle, or always the upper left quarter as in the V1 training reference."""
    feature_target: Literal["none", "dino-rgb", "depth-guide", "dino-on-depth"] = "dino-rgb"
    """What the student's features are drawn to: its frozen beginning on the picture, a guide network or the frozen beginning
    on the label."""

    guide_epochs: int = 10
    """Passes of the guide, which learns to repeat depth maps, over the labelled ones."""
    guide_lr: float = 5e-5
    """Learning rate of the guide's decoder and stem."""
    guide_batch_size: int = 8
    """Depth maps per step of the guide."""

    def __post_init__(self) -> None:
        StagedConfig.__post_init__(self)
        require(0 <= self.cutmix <= 1, "--cutmix in [0, 1]", self.cutmix, "e.g. 0.5")
        weights = (self.labelled_weight, self.unlabelled_weight)
        require(min(weights) >= 0 and max(weights) > 0, "a loss weight above 0", weights, "raise --labelled-weight")
        log = self.objective == "log"
        require(not log, "--objective affine-invariant, as regions of mixed pictures need", "log", "see train distillation")
        if self.teacher and self.student:
            raise UsageError(
                expected="--teacher or --student", got="both", remedy="leave both out to run the whole chain, stage by stage"
            )
        if (self.teacher or self.student) and self.stage != "all":
            raise UsageError(
                expected="--stage, or --teacher, or --student",
                got=f"--stage {self.stage} too",
                remedy="keep one of them",
            )

    @property
    def asked(self) -> str:
        """The stage that the flags ask for."""
        return "teacher" if self.teacher else "student" if self.student else self.stage

    @property
    def labelled_per_step(self) -> int:
        """Pictures with truth in a step."""
        return self.batch_size // 3

    @property
    def unlabelled_per_step(self) -> int:
        """Pictures without truth in a step: exactly twice as many."""
        return 2 * self.labelled_per_step
