# SPDX-License-Identifier: Apache-2.0
"""What an ablation may be told, beside every flag of the chain that it varies.  Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from leadline.contracts.errors import require
from leadline.recipes.semi_supervised.config import SemiSupervisedConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class AblationConfig(SemiSupervisedConfig):
    """A table of variants on the same data, for as many updates, with the same seeds."""

    recipe: ClassVar[str] = "semi-supervised"

    out: Path = Path("./ablation")
    """Folder of the table: every cell's run, the stages they share, CSV, Markdown, LaTeX and a plot."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """One cell for each variant and seed."""
    groups: tuple[str, ...] = ()
    """Parts of the table (leadline ablate --help names them); nothing: all."""
    only: tuple[str, ...] = ()
    """Variants by name; nothing: all of the groups."""

    def __post_init__(self) -> None:
        SemiSupervisedConfig.__post_init__(self)
        require(len(set(self.seeds)) == len(self.seeds) > 0, "--seeds without repetition", self.seeds, "e.g. --seeds 0 1 2")
        require(self.validate, "validation, by which cells are judged", "--no-validate", "leave it out")
        alone = not (self.resume or self.run_id or self.teacher or self.student or self.stage != "all")
        what = "--resume, --run-id, --stage, --teacher or --student"
        require(alone, f"an ablation without {what}", "one of them", "repeat the command: it goes on by itself")
        require(min(self.seeds) >= 0, "--seeds of 0 or more", self.seeds, "e.g. --seeds 0 1 2")
