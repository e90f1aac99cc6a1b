# SPDX-License-Identifier: Apache-2.0
"""Training in the manner of monodepth2 put together: hyper-parameters enter, a trained run folder and its report leave."""

from __future__ import annotations

import dataclasses
import logging
import sys
from typing import TYPE_CHECKING

import torch

from leadline.contracts.sample import Field
from leadline.models.stereo.adaptation import apply_policy
from leadline.models.stereo.checkpoint import save_stereo_model
from leadline.models.stereo.sigmoid_model import SigmoidModel
from leadline.recipes.stereo.first_weights import give_first_weights
from leadline.recipes.stereo.frame_streams import frame_stream, open_frames, watched_frames
from leadline.recipes.stereo.monocular_recipe import MonocularRecipe
from leadline.recipes.stereo.monocular_validation import FramesValidation
from leadline.recipes.stereo.pair import pair_colours
from leadline.recipes.stereo.streams import training_rig
from leadline.recipes.supervised.report import Report, report_run
from leadline.recipes.supervised.run import check_places, described, run_folder
from leadline.training import distributed
from leadline.training.config_file import to_toml
from leadline.training.engine import Callbacks, train
from leadline.training.placement import choose_placement
from leadline.training.tracker import require_wandb

if TYPE_CHECKING:
    from leadline.recipes.stereo.config import StereoConfig
    from leadline.recipes.supervised.run import Start

logger = logging.getLogger(__name__)
_FIRST_DEPTH_M = 5.0
"""Untrained, the decoder says 0.2 m, where a second view shares hardly a pixel with the first: nothing could be learned.
(Monodepth2 calls KITTI's baseline 0.1 instead, and multiplies its depth by 5.4.)"""


def train_monocular(config: StereoConfig, start: Start) -> Report | None:
    """Train a new run in ``config.save_dir``, or go on with it; with ``--dry-run`` say what would be done, and stop.

    There is a report where the held-out frames have depth.

    Raises:
        LeadlineError: anything the user can mend, before the first batch where possible.
    """
    with distributed.together() as ranks:
        choose_placement(config.engine, ranks.local_rank)  # a device that is not there is refused before anything is written
        if config.dry_run:
            if ranks.rank == 0:
                sys.stdout.write(_told(config, start))
            return None
        check_places(config, new=start.checkpoint is None and ranks.rank == 0)
        if config.wandb != "off":
            require_wandb()
        torch.manual_seed(config.seed)
        rig = None if config.sources == "frames" else training_rig(config)
        model = SigmoidModel(dataclasses.replace(config.network(), rig=rig))
        if start.checkpoint is None:
            give_first_weights(config, model)
            if rig is not None:
                model.decoder.start_at(_FIRST_DEPTH_M)
        recipe = _recipe(config, model)
        needs = recipe.needs["train"]
        streams = {"train": frame_stream(config, needs, ranks)}
        watched = watched_frames(config, needs) if config.validate else None
        summary = train(
            recipe,
            streams,
            config.engine,
            run_folder(config, start, ranks.rank),
            Callbacks(
                validate=FramesValidation(recipe, config, watched) if watched else None,
                save_model=lambda folder: save_stereo_model(folder, model),
                display=start.display,
            ),
        )
    if ranks.rank > 0 or not config.validate:
        return None
    parts = (open_frames(name, config, needs, part="val") for name in config.datasets)
    judgeable = any(Field.DEPTH in part.provides for part in parts)
    return report_run(config, summary, (config.full_size[0], config.full_size[1])) if judgeable else None


def _recipe(config: StereoConfig, model: SigmoidModel) -> MonocularRecipe:
    policies = config.policies()
    apply_policy(model.pyramid, backbone=policies["backbone"], neck=policies["neck"])
    return MonocularRecipe(config, model, pair_colours(config))


def _told(config: StereoConfig, start: Start) -> str:
    """The resolved configuration and what is trained, as markdown; nothing is read, loaded or written."""
    with torch.device("meta"):
        recipe = _recipe(dataclasses.replace(config, pose_pretrained=False), SigmoidModel(config.network()))
    rows = [
        f"| {group.name} | {len(group.parameters)} | {sum(one.numel() for one in group.parameters):,} |"
        for group in recipe.parameter_groups()
    ]
    head = ["| part | tensors | parameters |", "| --- | --- | --- |"]
    configuration = ["## Configuration\n", to_toml(described(config, start.sources))]
    return "\n".join([*configuration, "\n## Trained parameters\n", *head, *rows]) + "\n"
