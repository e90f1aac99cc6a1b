# SPDX-License-Identifier: Apache-2.0
"""The ``semi-supervised`` recipe put together: flags enter; teacher, labels, guide and student leave, in stages."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from leadline.contracts.errors import require
from leadline.models.depth_model import DepthModel
from leadline.recipes.semi_supervised.guide import Guide, GuideTarget
from leadline.recipes.semi_supervised.guide_stage import guide_stage
from leadline.recipes.semi_supervised.recipe import SemiSupervisedRecipe
from leadline.recipes.staged.chain import Chain, placed_in, start_in, student_stage
from leadline.recipes.staged.course import Before, ChainReport, follow, label_folders
from leadline.recipes.staged.network import begin, encoder_target, teachers_words
from leadline.recipes.staged.streams import unlabelled_pictures, unlabelled_stream
from leadline.recipes.supervised.data import training_stream
from leadline.recipes.supervised.network import disparity_network
from leadline.recipes.supervised.run import Start, train_supervised

if TYPE_CHECKING:
    from pathlib import Path

    from leadline.data.loader import SampleStream
    from leadline.recipes.semi_supervised.config import SemiSupervisedConfig
    from leadline.recipes.staged.alignment import Target
    from leadline.recipes.staged.stages import Stage
    from leadline.training.distributed import Ranks

_OF_THE_GUIDE = frozenset({"guide_epochs", "guide_lr", "guide_batch_size"})


def train_semi_supervised(config: SemiSupervisedConfig, start: Start) -> ChainReport | None:
    """Run the stages that are asked for: teacher, labels, guide, baseline, student, evaluate; what is done is found again.

    Raises:
        LeadlineError: anything the user can mend, before the first batch where possible.
    """
    require(config.batch_size >= 3, "--batch-size of at least 3, one labelled picture to two", config.batch_size, "use 3")
    chain = Chain(config=config, display=start.display)
    guided = config.feature_target == "depth-guide"
    return follow(
        chain,
        start,
        asked=config.asked,
        student=lambda before: _student(chain, config, before),
        guide=(lambda: guide_stage(chain, config)) if guided else None,
        batch_size=config.unlabelled_per_step,
    )


def _student(chain: Chain, config: SemiSupervisedConfig, before: Before) -> Stage:
    depends = chain.words(before.teacher) | {"guide": before.guide.name if before.guide else ""}

    def work(folder: Path) -> object:
        return train_supervised(
            placed_in(folder, config),
            start_in(folder, chain.display),
            build=lambda: _recipe(config, before),
            initialise=lambda model: begin(config, model),
            open_streams=lambda size, ranks: _streams(config, before, size, ranks),
        )

    return student_stage("student", depends, config, work, without=frozenset() if before.guide else _OF_THE_GUIDE)


def _recipe(config: SemiSupervisedConfig, before: Before) -> SemiSupervisedRecipe:
    target: Target | None = None
    if config.feature_weight > 0:
        target = GuideTarget(Guide.load(before.guide)) if before.guide else encoder_target(config)
    return SemiSupervisedRecipe(
        config, DepthModel(disparity_network(config)), teachers_words(config, before.teacher), target
    )


def _streams(config: SemiSupervisedConfig, before: Before, size: tuple[int, int], ranks: Ranks) -> dict[str, SampleStream]:
    """One sweep over the unlabelled pictures is an epoch; as many labelled ones as go with it are drawn."""
    parts = unlabelled_pictures(config, label_folders(config, before.labels), size)
    unlabelled = unlabelled_stream(config, parts, size, ranks, batch_size=config.unlabelled_per_step)
    drawn = config.labelled_per_step * unlabelled.steps_per_epoch
    labelled = dataclasses.replace(config, batch_size=config.labelled_per_step, epoch_images=drawn)
    return {"train": training_stream(labelled, size, ranks), "unlabelled": unlabelled}
