# SPDX-License-Identifier: Apache-2.0
"""The stages of an update: a recipe with several losses and settings enter; an optimiser of its own for each leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leadline.contracts.errors import ContractError
from leadline.training.optimiser import Optimiser, require_all_grouped
from leadline.training.schedule import rates_at

if TYPE_CHECKING:
    from torch import Tensor, nn

    from leadline.training.recipe import Recipe, TrainingStage
    from leadline.training.settings import EngineSettings

_OF = "//"  # between a stage's name and what belongs to it; parameter names have neither


class StageOptimisers:
    """The optimisers of a recipe's stages, in their order, as one thing to move, save and load.

    State and groups of a stage with a name stand below ``NAME//``; those of one without stand as they are.

    Args:
        recipe: whose ``stages`` and ``stage_groups`` are optimised.
        settings: of the run.

    Raises:
        ContractError: see ``Optimiser``; a trainable parameter is in no stage, or two stages have one name.
    """

    def __init__(self, recipe: Recipe, settings: EngineSettings) -> None:
        self.stages = recipe.stages
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names) or not names:
            raise ContractError(
                expected="stages with names that differ", got=str(names), remedy="correct the recipe's stages"
            )
        self._settings = {stage.name: stage.settings(settings) for stage in self.stages}
        groups = {name: recipe.stage_groups(name) for name in names}
        require_all_grouped(recipe, [group for own in groups.values() for group in own])
        self._of = {name: Optimiser(recipe, self._settings[name], groups[name]) for name in names}

    @property
    def groups(self) -> dict[str, list[str]]:
        """Group -> names of its parameters."""
        return {self._under(stage, group): names for stage, one in self._of.items() for group, names in one.groups.items()}

    def active(self, epoch: int) -> Sequence[TrainingStage]:
        """The stages that have begun by this epoch, counted from 0.

        Raises:
            ContractError: none has.
        """
        begun = [stage for stage in self.stages if stage.first_epoch <= epoch]
        if not begun:
            raise ContractError(
                expected=f"a stage that trains in epoch {epoch + 1}",
                got=f"the first begins with epoch {1 + min(stage.first_epoch for stage in self.stages)}",
                remedy="let one stage begin with the first epoch",
            )
        return begun

    def of(self, stage: str) -> Optimiser:
        """The optimiser of one stage."""
        return self._of[stage]

    def parameters(self, stage: str) -> list[nn.Parameter]:
        """What a stage moves."""
        return self._of[stage].parameters

    def set_rates(self, *, epoch: int, update: int, updates_per_epoch: int) -> None:
        """Let every active stage use the rates of this update, counted from 0."""
        for stage in self.active(epoch):
            rates = rates_at(self._settings[stage.name], update=update, updates_per_epoch=updates_per_epoch)
            self._of[stage.name].set_rates(rates)

    def learning_rates(self, epoch: int) -> dict[str, float]:
        """Group -> learning rate of the last update, of the stages that are active in this epoch."""
        return {
            f"{stage.name}/{group}" if stage.name else group: rate
            for stage in self.active(epoch)
            for group, rate in self._of[stage.name].learning_rates().items()
        }

    def tensors(self) -> dict[str, Tensor]:
        """The moments of all stages, shaped as in ``Optimiser.tensors``."""
        return {self._under(stage, key): value for stage, one in self._of.items() for key, value in one.tensors().items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take the moments that ``tensors`` gave, of any shapes."""
        for stage, one in self._of.items():
            prefix = self._under(stage, "")
            one.load({key.removeprefix(prefix): value for key, value in tensors.items() if stage_of(key) == stage})

    @staticmethod
    def _under(stage: str, key: str) -> str:
        return f"{stage}{_OF}{key}" if stage else key


def stage_of(key: str) -> str:
    """The stage that a saved moment or group belongs to.

    >>> stage_of("stereo//decoder.weight/exp_avg"), stage_of("decoder.weight/exp_avg")
    ('stereo', '')
    """
    return key.partition(_OF)[0] if _OF in key else ""
