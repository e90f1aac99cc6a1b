# SPDX-License-Identifier: Apache-2.0
"""The ``stereo`` recipe put together: hyper-parameters enter, a trained run folder and its report leave."""

from __future__ import annotations

import dataclasses
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from leadline.contracts.errors import require
from leadline.contracts.sample import Field
from leadline.losses.perceptual import PerceptualDifference
from leadline.models.stereo.checkpoint import save_stereo_model
from leadline.models.stereo.stereo_model import StereoModel
from leadline.models.weight_files import read_tensors
from leadline.recipes.stereo.dry_run import told_plan
from leadline.recipes.stereo.first_weights import give_first_weights
from leadline.recipes.stereo.recipe import StereoRecipe
from leadline.recipes.stereo.streams import open_pairs, pair_names, pair_stream, training_rig, watched_pairs
from leadline.recipes.stereo.validation import StereoValidation
from leadline.recipes.supervised.report import Report, report_run
from leadline.recipes.supervised.run import check_places, run_folder
from leadline.training import distributed
from leadline.training.engine import Callbacks, train
from leadline.training.placement import choose_placement
from leadline.training.tracker import require_wandb

if TYPE_CHECKING:
    from leadline.recipes.stereo.config import StereoConfig
    from leadline.recipes.supervised.run import Start

logger = logging.getLogger(__name__)


def train_stereo(config: StereoConfig, start: Start) -> Report | None:
    """Train a new run in ``config.save_dir``, or go on with it; with ``--dry-run`` say what would be done, and stop.

    There is a report where the held-out pairs have depth to judge one eye by.

    Raises:
        LeadlineError: anything the user can mend, before the first batch where possible.
    """
    with distributed.together() as ranks:
        choose_placement(config.engine, ranks.local_rank)  # a device that is not there is refused before anything is written
        if config.dry_run:
            if ranks.rank == 0:
                sys.stdout.write(told_plan(config, start.sources))
            return None
        check_places(config, new=start.checkpoint is None and ranks.rank == 0)
        if config.wandb != "off":
            require_wandb()
        torch.manual_seed(config.seed)
        streams = {"train": pair_stream(config, ranks)}
        watched = watched_pairs(config) if config.validate else None
        model = StereoModel(dataclasses.replace(config.network(), rig=training_rig(config)))
        if start.checkpoint is None:
            give_first_weights(config, model)
        recipe = StereoRecipe(config, model, perceptual_difference(config))
        summary = train(
            recipe,
            streams,
            config.engine,
            run_folder(config, start, ranks.rank),
            Callbacks(
                validate=StereoValidation(model, config, watched) if watched else None,
                save_model=lambda folder: save_stereo_model(folder, model),
                display=start.display,
            ),
        )
    judgeable = config.validate and model.config.rig is not None and _has_depth(config)
    size = (config.full_size[0], config.full_size[1])
    return report_run(config, summary, size) if ranks.rank == 0 and judgeable else None


def perceptual_difference(config: StereoConfig) -> PerceptualDifference | None:
    """VGG-19; None where no stage asks for it, and, which is said, without its weights.

    Raises:
        UsageError: no weights, and nothing else for stage mono to learn by.
        WeightsError: a file that is missing, or is not torchvision's VGG-19.
    """
    asked = any("perceptual" in spec.losses for spec in config.stages())
    if not asked:
        return None
    if config.perceptual_weights is None:
        alone = any(set(spec.losses) == {"perceptual"} for spec in config.stages())
        require(not alone, "--perceptual-weights, or another loss in --loss-mono", "perceptual alone", "add photometric=1")
        logger.warning(
            "the perceptual loss is off: give torchvision's VGG-19 as --perceptual-weights, or leave perceptual out of "
            "--loss-mono to silence this"
        )
        return None
    return PerceptualDifference(read_tensors(Path(config.perceptual_weights)), norm="none")


def _has_depth(config: StereoConfig) -> bool:
    return any(Field.DEPTH in open_pairs(name, config, part="val").provides for name in pair_names(config))
