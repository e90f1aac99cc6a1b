# SPDX-License-Identifier: Apache-2.0
"""The guide's training as a stage: flags and labels enter, a folder with a guide leaves."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch

from leadline.models.depth_model import DepthModel
from leadline.recipes.semi_supervised.guide import Guide, GuideRecipe
from leadline.recipes.staged.chain import placed_in, student_stage
from leadline.recipes.staged.network import begin
from leadline.recipes.supervised.data import training_stream
from leadline.recipes.supervised.network import disparity_network
from leadline.recipes.supervised.run import described, rounded_size
from leadline.training import distributed
from leadline.training.engine import Callbacks, train
from leadline.training.run import RunFolder, holds_run

if TYPE_CHECKING:
    from pathlib import Path

    from leadline.recipes.semi_supervised.config import SemiSupervisedConfig
    from leadline.recipes.staged.chain import Chain
    from leadline.recipes.staged.stages import Stage

# What the guide does not depend on: all that is the student's alone.
_OF_THE_STUDENT = frozenset(
    {
        *("batch_size", "num_epochs", "lr", "labelled_weight", "unlabelled_weight", "perturbation", "cutmix", "cutmix_box"),
        *("feature_target", "feature_loss", "feature_margin", "feature_weight", "feature_input", "feature_on"),
        *("ssi_weight", "grad_weight", "ignore_largest", "teacher_mode", "unlabelled_images"),
    }
)


def guide_stage(chain: Chain, config: SemiSupervisedConfig) -> Stage:
    """A guide on the labelled depth maps, with the student's encoder for its own."""

    def work(folder: Path) -> None:
        own = dataclasses.replace(
            placed_in(folder, config),
            batch_size=config.guide_batch_size,
            num_epochs=config.guide_epochs,
            lr=config.guide_lr,
        )
        _train_guide(own, chain, folder)

    return student_stage("guide", {}, config, work, without=_OF_THE_STUDENT)


def _train_guide(config: SemiSupervisedConfig, chain: Chain, folder: Path) -> None:
    with distributed.together() as ranks:
        torch.manual_seed(config.seed)
        guide = Guide(DepthModel(disparity_network(config)))
        size = rounded_size(config.size, guide.model.size_multiple)
        begun = distributed.first_says(flag=holds_run(folder))
        if not begun:
            begin(config, guide.model)
        opened = RunFolder.open(folder) if begun else RunFolder.create(folder, described(config, {}), rank=ranks.rank)
        train(
            GuideRecipe(guide, encoder_lr_factor=config.encoder_lr_factor),
            {"train": training_stream(config, size, ranks)},
            dataclasses.replace(config.engine, patience=0),  # nothing is validated here
            dataclasses.replace(opened, events=config.events_folder),
            Callbacks(validate=None, save_model=guide.save, display=chain.display),
        )
        if ranks.rank == 0:
            guide.save(folder)
