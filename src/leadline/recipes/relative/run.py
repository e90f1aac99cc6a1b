# SPDX-License-Identifier: Apache-2.0
"""The ``relative`` recipe put together: hyper-parameters enter, a trained run folder and its report leave."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from leadline.contracts.errors import UsageError
from leadline.models.depth_model import DepthModel
from leadline.recipes.relative.recipe import RelativeRecipe
from leadline.recipes.supervised.first_weights import give_first_weights
from leadline.recipes.supervised.network import disparity_network
from leadline.recipes.supervised.run import Start, train_supervised

if TYPE_CHECKING:
    from leadline.recipes.relative.config import RelativeConfig
    from leadline.recipes.supervised.report import Report

MISSING = "missing"


def train_relative(config: RelativeConfig, start: Start) -> Report | None:
    """Train a new run in ``config.save_dir``, or go on with it, as ``train_supervised`` does.

    ``missing`` in ``config.learn`` becomes the names of what the checkpoint lacks, which the run's config.toml then says.

    Raises:
        LeadlineError: anything the user can mend, before the first batch where possible.
    """
    if MISSING in config.learn:
        named = (name for name in config.learn if name != MISSING)
        config = dataclasses.replace(config, learn=(*named, *_lacking(config)))
        start = dataclasses.replace(start, sources={**start.sources, "learn": "missing in the checkpoint"})
    return train_supervised(
        config,
        start,
        build=lambda: RelativeRecipe(config, DepthModel(disparity_network(config))),
        initialise=lambda model: give_first_weights(
            model,
            config.pretrained_checkpoint,
            config.pretrained_version,
            unfreeze="--learn encoder decoder",
            part=config.init,
        ),
    )


def _lacking(config: RelativeConfig) -> list[str]:
    """Names of the trainable tensors that the checkpoint does not have."""
    model = DepthModel(disparity_network(config))
    report = give_first_weights(model, config.pretrained_checkpoint, config.pretrained_version, unfreeze="--learn decoder")
    trainable = {name for name, one in model.named_parameters() if one.requires_grad}
    names = [name for name in report.missing if name in trainable] if report else []
    if not names:
        raise UsageError(
            expected="a --pretrained-checkpoint that lacks something, for --learn missing",
            got=config.pretrained_checkpoint or "none",
            remedy="say what shall learn, e.g. --learn decoder",
        )
    return names
