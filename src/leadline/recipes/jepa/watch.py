# SPDX-License-Identifier: Apache-2.0
"""Embeddings enter now and then; what they look like leaves for every line of the log, and an alarm where they collapse."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from leadline.losses.embedding_statistics import (
    EmbeddingStatistics,
    RunningStatistic,
    alarms,
    embedding_statistics,
)
from leadline.training.distributed import current

if TYPE_CHECKING:
    from leadline.losses.sigreg import SigregSettings
    from leadline.training.recipe import Progress

logger = logging.getLogger(__name__)

TAGS = (
    "Statistic",
    "StatisticNull",
    "EffectiveRank",
    "SmallestSpread",
    "MeanSpread",
    "MeanNorm",
    "ViewAgreement",
)
SETTLED = 50
"""Updates before anybody is told: a new projector begins anywhere."""


class EmbeddingWatch(nn.Module):
    """Looks every ``interval`` updates, which costs a decomposition of (D,D) each.

    The last numbers are a buffer, so a resumed run logs what an uninterrupted one logs.

    Args:
        settings: SIGReg's.
        interval: updates between two looks.
    """

    numbers: Tensor

    def __init__(self, settings: SigregSettings, interval: int) -> None:
        super().__init__()
        self.register_buffer("numbers", torch.zeros(len(TAGS)))
        self._settings, self._interval = settings, interval
        self._running, self._told, self._noted = RunningStatistic(), dict[str, int](), -1

    def look(self, embeddings_VND: Tensor, progress: Progress) -> EmbeddingStatistics | None:
        """Statistics of (V,N,D) embeddings without unit, where it is time; None where not."""
        if progress.step % self._interval or progress.step == self._noted:
            return None
        return embedding_statistics(
            embeddings_VND, step=progress.step, settings=self._settings, sum_across=progress.sum_across
        )

    def note(self, statistics: EmbeddingStatistics | None, progress: Progress) -> None:
        """Remember the numbers of a look, and warn, of each trouble once an epoch and on the first rank alone."""
        if statistics is None or progress.step == self._noted:
            return
        self._noted = progress.step
        summary = statistics.summary()
        self.numbers.copy_(torch.tensor([summary[tag] for tag in TAGS]))
        self._running.add(statistics)
        if progress.step < SETTLED or current().rank > 0:
            return
        for sentence in alarms(statistics, running=self._running.mean):
            kind = sentence.partition(":")[0]
            if self._told.get(kind) != progress.epoch:
                self._told[kind] = progress.epoch
                logger.warning("epoch %d: %s", progress.epoch + 1, sentence)

    def parts(self) -> dict[str, Tensor]:
        """The numbers of the last look, each (), without unit, under the names they have in the log."""
        return {f"Embedding{tag}": number.clone() for tag, number in zip(TAGS, self.numbers, strict=True)}
