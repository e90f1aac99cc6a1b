# SPDX-License-Identifier: Apache-2.0
"""The ``metric`` recipe put together: hyper-parameters enter, a trained run folder and its report leave."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from leadline.contracts.errors import UsageError
from leadline.models.depth_model import DepthModel
from leadline.models.weights import initialise_from
from leadline.recipes.metric.recipe import MetricRecipe, model_config
from leadline.recipes.supervised.run import Start, train_supervised

if TYPE_CHECKING:
    from leadline.recipes.metric.config import MetricConfig
    from leadline.recipes.supervised.report import Report

logger = logging.getLogger(__name__)


def train_metric(config: MetricConfig, start: Start) -> Report | None:
    """Train a new run in ``config.save_dir``, or go on with it, as ``train_supervised`` does.

    Raises:
        LeadlineError: anything the user can mend, before the first batch where possible.
    """
    return train_supervised(
        config,
        start,
        build=lambda: MetricRecipe(config, DepthModel(model_config(config))),
        initialise=partial(_initialise, config=config),
    )


def _initialise(model: DepthModel, config: MetricConfig) -> None:
    if not config.pretrained_checkpoint:
        logger.warning("no --pretrained-checkpoint: training starts from random weights")
        if not config.train_encoder:
            raise UsageError(
                expected="--pretrained-checkpoint, or --train-encoder",
                got="a frozen encoder with random weights, which can learn nothing",
                remedy="give the weights of the encoder, or train it too",
            )
        return
    version = None if config.pretrained_version == "auto" else config.pretrained_version
    report = initialise_from(model, Path(config.pretrained_checkpoint), version=version)
    logger.info("%s", report)
