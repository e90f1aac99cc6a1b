# SPDX-License-Identifier: Apache-2.0
"""The ``jepa`` recipe put together: hyper-parameters enter, a trained run folder and its report leave."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

import torch

from leadline.models.depth_model import DepthModel
from leadline.recipes.jepa.recipe import JepaRecipe, model_config
from leadline.recipes.jepa.streams import first_size, jepa_stream, multi_view, whole_validation
from leadline.recipes.supervised.first_weights import give_first_weights
from leadline.recipes.supervised.run import Start, rounded_size, train_supervised
from leadline.transforms.whole import Whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leadline.data.loader import SampleStream
    from leadline.recipes.jepa.config import JepaConfig
    from leadline.recipes.supervised.report import Report
    from leadline.training.distributed import Ranks

logger = logging.getLogger(__name__)


def train_jepa(config: JepaConfig, start: Start) -> Report | None:
    """Train a new run in ``config.save_dir``, or go on with it, as ``train_supervised`` does.

    Without depth to learn there is nothing to validate and no report.

    Raises:
        LeadlineError: anything the user can mend, before the first batch where possible.
    """
    if not config.depth_weight and config.validate:
        logger.info("without --depth-weight there is no depth to validate; the last checkpoint counts")
        config = dataclasses.replace(config, validate=False)
    network = model_config(config)
    with torch.device("meta"):
        multiple = DepthModel(network).size_multiple
    whole = Whole(config.max_img_size, multiple) if config.full_size else None
    if whole is not None:
        config, start = _for_whole_pictures(config, start, whole)
    local_size = config.crops[1] if whole or not config.v_local else rounded_size(config.crops[1], multiple)

    def open_streams(size: tuple[int, int], ranks: Ranks) -> Mapping[str, SampleStream]:
        return {"train": jepa_stream(config, whole or multi_view(config, (size, local_size)), ranks)}

    return train_supervised(
        config,
        start,
        build=lambda: JepaRecipe(config, DepthModel(network)),
        initialise=lambda model: give_first_weights(
            model,
            config.pretrained_checkpoint,
            config.pretrained_version,
            unfreeze="--no-freeze-encoder",
            part=config.init,
        ),
        open_streams=open_streams,
        open_validation=(lambda _: whole_validation(config, whole)) if whole else None,
    )


def _for_whole_pictures(config: JepaConfig, start: Start, whole: Whole) -> tuple[JepaConfig, Start]:
    """The size that prediction shall begin with is that of the first picture, and the flags about views fall silent."""
    size = first_size(config, whole)
    learned = "SIGReg over each update and no invariance" if config.judges else "depth alone (--full-size-jepa adds SIGReg)"
    logger.info(
        "--full-size: one view, whole pictures up to %d px in multiples of %d, the first %dx%d; --v-global %d, --v-local %d "
        "and the sizes of views are not looked at; learned: %s",
        whole.longest_px,
        whole.multiple,
        *size,
        config.v_global,
        config.v_local,
        learned,
    )
    if start.checkpoint is None:
        start = dataclasses.replace(start, sources={**start.sources, "target_size": "the first picture, by --full-size"})
    return dataclasses.replace(config, target_size=size), start
