# SPDX-License-Identifier: Apache-2.0
"""One line of an ablation: the flags that all share and its own changes enter, the configuration of a chain leaves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadline.recipes.distillation.config import DistillationConfig
from leadline.recipes.semi_supervised.config import SemiSupervisedConfig

if TYPE_CHECKING:
    from leadline.ablation.config import AblationConfig
    from leadline.recipes.staged.config import StagedConfig

_CONFIGS: dict[str, type[StagedConfig]] = {"semi-supervised": SemiSupervisedConfig, "distillation": DistillationConfig}
_OWN = frozenset({"out", "seeds", "groups", "only", "teacher", "student", "stage"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One way to train.

    Attributes:
        group: the part of the table.
        name: the line.
        recipe: "semi-supervised" or "distillation".
        changes: field -> value, of what all variants share.
        scale: of the training size.
    """

    group: str
    name: str
    recipe: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    scale: float = 1.0

    def config(self, shared: AblationConfig, *, seed: int, folder: Path, stages: Path) -> StagedConfig:
        """The chain of one cell: its run goes to ``folder``, what cells share to ``stages``.

        Raises:
            UsageError: a change that cannot be meant with these flags.
        """
        wanted = _CONFIGS[self.recipe]
        names = {one.name for one in dataclasses.fields(wanted)} - _OWN
        values = {name: getattr(shared, name) for name in names if hasattr(shared, name)}
        size = tuple(max(1, round(side * self.scale)) for side in shared.target_size)
        values["dataset_option"] = (*shared.dataset_option, *self._same_scenes(shared))
        if self.recipe == "distillation":  # whose batch is unlabelled pictures alone: as many, so there are as many updates
            values["batch_size"] = shared.unlabelled_per_step
        values |= {"target_size": size, "seed": seed, "save_dir": folder, "cache_stages": stages, "baseline": False}
        return wanted(**(values | dict(self.changes)))

    def _same_scenes(self, shared: AblationConfig) -> list[str]:
        """Options with which procedural scenes are those of all variants and seeds, also where another size is trained."""
        if "procedural" not in shared.datasets:
            return []
        wanted = {"seed": shared.seed}
        if self.scale != 1:
            wanted |= {"height": shared.size[0], "width": shared.size[1]}
        said = {one.partition("=")[0] for one in shared.dataset_option}
        return [f"procedural.{key}={value}" for key, value in wanted.items() if f"procedural.{key}" not in said]
