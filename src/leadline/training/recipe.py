# SPDX-License-Identifier: Apache-2.0
"""What a recipe owes the engine: batches of its streams enter, one loss with its named parts leaves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadline.contracts.sample import Batch, Field
    from leadline.training.settings import EngineSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    """What one forward pass yields, in whatever unit the losses have.

    Attributes:
        loss: () the scalar to descend.
        parts: raw terms of the loss for the log, name -> () tensor.  The name becomes a tag: ``SILog`` is logged as
            ``Train/BatchSILog`` and, averaged over the epoch, as ``Train/EpochSILog``.
        weight: () how much this batch counts beside the others of one accumulated update, e.g. its number of valid
            pixels; None counts every batch alike.
        predicted: (B,H,W) what the network said, in any kind and unit, so that one which says the same everywhere is noticed
            (``training.collapse``); None is not looked at.
    """

    loss: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)
    weight: Tensor | None = None
    predicted: Tensor | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Where the run stands when a step is asked for.

    Attributes:
        epoch: counted from 0.
        step: optimiser updates made before this one.
        total_steps: optimiser updates of the whole run.
        sum_across: differentiable sum over all ranks of a tensor of any shape and unit, to the same; the identity in one
            process.  Losses that pool statistics over the batch pass them through it, so two ranks descend the loss of one.
        surveyed: what ``Recipe.survey`` said of all batches of this update; None where there was no survey, and then this
            batch is the whole update or the recipe has no need to know of the others.
        stage: name of the stage whose loss is asked for; empty where the recipe has but one.
    """

    epoch: int
    step: int
    total_steps: int
    sum_across: Callable[[Tensor], Tensor]
    surveyed: object = None
    stage: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingStage:
    """One loss of a recipe, with an optimiser and a schedule of its own; an update goes through all that have begun.

    Attributes:
        name: what ``Progress.stage`` says in its steps; empty for the only stage of most recipes.
        first_epoch: from which epoch on, counted from 0.
        milestones: epochs of the run, counted from 0, from which on the rate has dropped once more by ``lr_gamma``; None
            follows the run's own schedule.
    """

    name: str = ""
    first_epoch: int = 0
    milestones: tuple[int, ...] | None = None

    def settings(self, run: EngineSettings) -> EngineSettings:
        """The run's settings with this stage's schedule."""
        if self.milestones is None:
            return run
        return replace(run, schedule="milestones", lr_milestones=self.milestones)


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterGroup:
    """Parameters that share a learning rate.

    Attributes:
        name: names the group in logs (``Train/LearningRate/<name>``) and checkpoints.
        parameters: trainable parameters; a frozen one is refused.
        lr_factor: multiplies the run's learning rate.
        weight_decay_factor: multiplies the run's weight decay.
    """

    name: str
    parameters: list[nn.Parameter]
    lr_factor: float = 1.0
    weight_decay_factor: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidationResult:
    """What a validation pass found.

    Attributes:
        scalars: TensorBoard tag -> value, e.g. ``{"Val/D1": 0.91}``.
        selection: the number that chooses ``checkpoint_best``; lower is better.
        selection_name: what that number is, e.g. ``"Val/ABS_REL"``.
        pictures: tag -> (H, W, 3) uint8, e.g. ``{"Val/Sample_0": ...}``.
    """

    scalars: dict[str, float]
    selection: float
    selection_name: str
    pictures: dict[str, NDArray[np.uint8]] = field(default_factory=dict)


class Recipe(nn.Module, ABC):
    """One way to train.  Everything that must survive an interruption lives in its parameters and buffers.

    The engine calls ``train()`` before steps and ``eval()`` around validation and pictures; a recipe with a frozen part
    overrides ``train`` to keep that part in eval mode.

    Attributes:
        needs: stream name -> fields its batches must carry, beside the image.
        trained: the module users get; ``save_model`` writes it, the exponential average follows it.
        surveys: whether updates of several batches begin with a ``survey``; it costs them a second forward pass.
        stages: the losses of one update, in their order, each with an optimiser of its own: ``step`` is asked for each, on
            the same batches, with the same random numbers, after the stages before it have moved.
    """

    needs: Mapping[str, frozenset[Field]]
    trained: nn.Module
    surveys: bool = False
    stages: tuple[TrainingStage, ...] = (TrainingStage(),)

    @abstractmethod
    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        """The loss () of one batch per stream, shapes and units as in ``Batch``, already on the device.

        Called under autocast; losses compute in float32 by themselves.
        """

    @abstractmethod
    def parameter_groups(self) -> list[ParameterGroup]:
        """Every trainable parameter in exactly one group, frozen ones in none."""

    def stage_groups(self, stage: str) -> list[ParameterGroup]:  # noqa: ARG002 (the only stage trains all there is)
        """What a stage trains: a parameter once at most, though other stages may train it too, each with its own moments."""
        return self.parameter_groups()

    def survey(self, batches: Iterable[Mapping[str, Batch]], progress: Progress) -> object:  # noqa: ARG002
        """What a loss must know of all batches of one update before the first step, e.g. their sums and their number.

        Called once before the steps of an update that accumulates several batches, where ``surveys`` is true; never for an
        update of one batch, which ``step`` sees whole.  What is returned comes back as ``progress.surveyed``, and nowhere
        else does it live: a survey that leaves something in the recipe would meet it again where there is none.

        No gradients, autocast and train mode as in ``step``.  Each batch arrives on the device as it is asked for, with the
        random state with which its step will begin: to see the dropout of that step, draw in its order and draw nothing
        else.  Afterwards all buffers are as before, so running statistics count a batch once.

        The batches are this rank's.  Every rank surveys as many, so sums over all ranks go through ``progress.sum_across``,
        inside the loop or, cheaper, once after it.  What is not finite may be passed on: the loss then stops the run.

        Args:
            batches: stream name -> batch, as ``step`` gets them, one after the other; to be gone through once.
            progress: as ``step`` gets it, but for ``surveyed``.
        """
        return None

    def after_step(self) -> None:
        """Called once after each optimiser update, e.g. to move a teacher."""

    def pictures(self, batches: Mapping[str, Batch]) -> dict[str, NDArray[np.uint8]]:  # noqa: ARG002
        """Pictures of a training batch, tag (e.g. ``Train/Prediction``) -> (H, W, 3) uint8.

        Called once an epoch, on rank 0 only, in eval mode and without gradients.
        """
        return {}
