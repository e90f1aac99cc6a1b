# SPDX-License-Identifier: Apache-2.0
"""The ``metric`` recipe put together: hyper-parameters enter, a trained run folder and its report leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.models.depth_model import DepthModel
from leadline.recipes.metric.recipe import MetricRecipe, model_config
from leadline.recipes.supervised.first_weights import give_first_weights
from leadline.recipes.supervised.run import Start, train_supervised

if TYPE_CHECKING:
    from leadline.recipes.metric.config import MetricConfig
    from leadline.recipes.supervised.report import Report


def train_metric(config: MetricConfig, start: Start) -> Report | None:
    """Train a new run in ``config.save_dir``, or go on with it, as ``train_supervised`` does.

    Raises:
        LeadlineError: anything the user can mend, before the first batch where possible.
    """
    return train_supervised(
        config,
        start,
        build=lambda: MetricRecipe(config, DepthModel(model_config(config))),
        initialise=lambda model: give_first_weights(
            model, config.pretrained_checkpoint, config.pretrained_version, unfreeze="--train-encoder"
        ),
    )
