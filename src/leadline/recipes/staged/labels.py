# SPDX-License-Identifier: Apache-2.0
"""The stage between teacher and student: a teacher and folders of pictures enter; a folder of labels for each leaves."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from leadline.inference.predictor import load
from leadline.labelling.request import LabelRequest
from leadline.labelling.run import label
from leadline.recipes.staged.network import require_disparity
from leadline.training import distributed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from leadline.recipes.staged.config import StagedConfig

logger = logging.getLogger(__name__)


def write_labels(config: StagedConfig, teacher: str, sources: Mapping[str, Path], folder: Path) -> None:
    """Label every picture of every source; what is labelled already is left alone.

    Args:
        config: how labels are stored and how many processes make them.
        teacher: a MODEL of relative disparity.
        sources: dataset -> folder of its pictures.
        folder: gets a folder of labels per dataset.

    Raises:
        ContractError: the teacher says something else than relative disparity.
        LeadlineError: whatever labelling refuses.
    """
    with distributed.together() as ranks:
        if ranks.rank == 0:
            require_disparity(load(teacher, device="cpu").kind, teacher)
        distributed.wait_for_all()
        for name, images in sources.items():
            request = LabelRequest(
                model=teacher,
                images=images,
                out=folder / name,
                dtype=config.label_dtype,
                pictures_per_shard=config.labels_per_shard,
                input_size=config.label_size or None,
                device=config.device,
                precision="auto" if config.amp else "fp32",
                threads=config.label_threads or os.cpu_count() or 1,
                executor="rank" if ranks.world > 1 else "local",
                workers=0 if ranks.world > 1 else config.label_workers,
                on_unreadable=config.on_unreadable,
            )
            summary = label(request)
            lost = f"{summary.dropped} dropped, {summary.unreadable} unreadable, {summary.dead} dead"
            logger.info("labels of %s: %d of %d pictures (%s)", name, summary.labels, summary.pictures, lost)
        distributed.wait_for_all()
