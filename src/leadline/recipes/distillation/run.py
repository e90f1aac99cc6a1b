# SPDX-License-Identifier: Apache-2.0
"""The ``distillation`` recipe put together: flags enter; a teacher, its labels and a student leave, in stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.models.depth_model import DepthModel
from leadline.recipes.distillation.recipe import DistillationRecipe
from leadline.recipes.staged.chain import Chain, placed_in, start_in, student_stage
from leadline.recipes.staged.course import Before, ChainReport, follow, label_folders
from leadline.recipes.staged.network import begin, encoder_target, teachers_words
from leadline.recipes.staged.streams import unlabelled_pictures, unlabelled_stream
from leadline.recipes.supervised.network import disparity_network
from leadline.recipes.supervised.run import Start, train_supervised

if TYPE_CHECKING:
    from pathlib import Path

    from leadline.data.loader import SampleStream
    from leadline.recipes.distillation.config import DistillationConfig
    from leadline.recipes.staged.stages import Stage
    from leadline.training.distributed import Ranks


def train_distillation(config: DistillationConfig, start: Start) -> ChainReport | None:
    """Run the stages that are asked for: teacher, labels, baseline, student, evaluate; what is done is found again.

    Raises:
        LeadlineError: anything the user can mend, before the first batch where possible.
    """
    chain = Chain(config=config, display=start.display)
    return follow(
        chain,
        start,
        asked=config.stage,
        student=lambda before: _student(chain, config, before),
        guide=None,
        batch_size=config.batch_size,
    )


def _student(chain: Chain, config: DistillationConfig, before: Before) -> Stage:
    def work(folder: Path) -> object:
        return train_supervised(
            placed_in(folder, config),
            start_in(folder, chain.display),
            build=lambda: _recipe(config, before),
            initialise=lambda model: begin(config, model),
            open_streams=lambda size, ranks: _streams(config, before, size, ranks),
        )

    return student_stage("student", chain.words(before.teacher), config, work)


def _recipe(config: DistillationConfig, before: Before) -> DistillationRecipe:
    target = encoder_target(config) if config.feature_weight > 0 else None
    return DistillationRecipe(config, DepthModel(disparity_network(config)), teachers_words(config, before.teacher), target)


def _streams(config: DistillationConfig, before: Before, size: tuple[int, int], ranks: Ranks) -> dict[str, SampleStream]:
    parts = unlabelled_pictures(config, label_folders(config, before.labels), size)
    return {"train": unlabelled_stream(config, parts, size, ranks, batch_size=config.batch_size)}
