# SPDX-License-Identifier: Apache-2.0
"""Variants and seeds enter; one trained and judged chain for each leaves, done once, found again after an interruption."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadline.contracts.errors import UsageError
from leadline.contracts.suggestions import did_you_mean
from leadline.rasters.atomic import atomically, require_writable
from leadline.recipes.catalog import find_recipe
from leadline.recipes.staged.comparison import file_name
from leadline.recipes.staged.stages import content_of, deciding, digest
from leadline.recipes.staged.streams import picture_lists
from leadline.recipes.supervised.run import Start

if TYPE_CHECKING:
    from leadline.ablation.config import AblationConfig
    from leadline.ablation.variant import Variant
    from leadline.recipes.staged.config import StagedConfig
    from leadline.training.display import Display

logger = logging.getLogger(__name__)
CELL = "cell.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """What one variant came to with one seed.

    Attributes:
        variant: the line of the table.
        seed: of everything random.
        scores: dataset -> metric -> image -> value.
        seconds: what it took, shared stages where they were made in it.
    """

    variant: Variant
    seed: int
    scores: dict[str, dict[str, dict[str, float]]]
    seconds: float


def chosen(variants: Sequence[Variant], config: AblationConfig) -> list[Variant]:
    """The variants that the flags ask for, in the order of the table.

    Raises:
        UsageError: a group or a name that there is not.
    """
    groups, names = {one.group for one in variants}, {one.name for one in variants}
    for flag, asked, known in (("--groups", config.groups, groups), ("--only", config.only, names)):
        for one in asked:
            if one not in known:
                raise UsageError(expected=f"{flag} of this table", got=repr(one), remedy=did_you_mean(one, sorted(known)))
    found = [one for one in variants if not config.groups or one.group in config.groups]
    return [one for one in found if not config.only or one.name in config.only]


def run_cells(variants: Sequence[Variant], config: AblationConfig, display: Display) -> list[Cell]:
    """Train and judge every cell that is not done yet, seed by seed, and read those that are.

    Raises:
        LeadlineError: whatever a chain refuses; cells that are done stay.
    """
    require_writable(config.out)
    cells = []
    total = len(variants) * len(config.seeds)
    for number, (seed, variant) in enumerate(((seed, one) for seed in config.seeds for one in variants), 1):
        logger.info("cell %d of %d: %s, seed %d", number, total, variant.name, seed)
        cells.append(_cell(variant, config, seed, display))
    return cells


def _cell(variant: Variant, config: AblationConfig, seed: int, display: Display) -> Cell:
    stages = config.out / "stages"
    planned = variant.config(config, seed=seed, folder=config.out, stages=stages)
    name = f"{file_name(variant.name)}-seed{seed}-{digest(_judged_by(planned))}"
    folder = config.out / "cells" / name
    if not (folder / CELL).is_file():
        began_s = time.monotonic()
        chain = variant.config(config, seed=seed, folder=folder, stages=stages)
        find_recipe(variant.recipe).trainer()(chain, Start(sources={}, display=display))
        scores = _scores(folder / "comparison.json")
        said = {"variant": variant.name, "seed": seed, "seconds": round(time.monotonic() - began_s, 1), "scores": scores}
        with atomically(folder / CELL) as temporary:
            temporary.write_text(json.dumps(said) + "\n", encoding="utf-8")
    said = json.loads((folder / CELL).read_text(encoding="utf-8"))
    return Cell(variant=variant, seed=seed, scores=said["scores"], seconds=said["seconds"])


def _judged_by(planned: StagedConfig) -> dict[str, object]:
    """All that a cell's numbers depend on: what decides the chain's result, and the pictures that it is judged on."""
    weights = (planned.pretrained_checkpoint, planned.teacher_checkpoint, planned.teacher_model)
    return deciding(planned) | {
        "recipe": planned.recipe,
        "evaluate_on": planned.evaluate_on,
        "weights": [content_of(one) for one in weights],
        "pictures": picture_lists(planned),
    }


def _scores(file: Path) -> dict[str, dict[str, Any]]:
    """Of the student alone: dataset -> metric -> image -> value."""
    found = json.loads(file.read_text(encoding="utf-8"))
    return {name: models["student"]["per_image"] for name, models in found.items()}
