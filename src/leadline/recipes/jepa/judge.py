# SPDX-License-Identifier: Apache-2.0
"""Looks at the same pictures enter; how alike and how well spread their embeddings are leaves, for loss and log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from leadline.losses.lejepa import LejepaTerms, lejepa, lejepa_of_sums
from leadline.losses.sigreg import EcfSums, SigregSettings, characteristic_sums
from leadline.losses.variance import variance
from leadline.models.projector import Projector, ProjectorConfig
from leadline.recipes.jepa.looks import patches_agree
from leadline.recipes.jepa.watch import EmbeddingWatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from leadline.losses.embedding_statistics import EmbeddingStatistics
    from leadline.recipes.jepa.config import JepaConfig
    from leadline.recipes.jepa.looks import Look
    from leadline.training.recipe import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class SurveyedEmbeddings:
    """All embeddings of an update, as far as a loss must know them.

    Attributes:
        sums: over all batches and ranks.
        batches: of one rank.
        statistics: of all of them, where it was time to look.
    """

    sums: EcfSums
    batches: int
    statistics: EmbeddingStatistics | None


class Judge(nn.Module):
    """The projector, and what is asked of its output.

    Args:
        config: widths, slices, and which terms have a weight.
        width: of the encoder's embedding.
    """

    def __init__(self, config: JepaConfig, width: int) -> None:
        super().__init__()
        self._config = config
        self._settings = SigregSettings(slices=config.slices, knots=config.knots, t_max=config.t_max)
        self.projector = Projector(
            width,
            ProjectorConfig(
                dim=config.proj_dim,
                hidden=config.proj_hidden,
                layers=config.proj_layers,
                hidden_norm=config.projector_norm,
                output_norm=config.proj_output_norm,
            ),
        )
        self.watch = EmbeddingWatch(self._settings, config.log_interval)

    def terms(
        self, looks: Sequence[Look], n_global: int, progress: Progress, surveyed: SurveyedEmbeddings | None
    ) -> dict[str, Tensor]:
        """Invariance and SIGReg, and Variance and Dense where they have a weight: each () without unit.

        Of a surveyed update, this batch's shares: they add up to the terms of all its pictures.
        """
        config, embeddings = self._config, together(looks)
        judged = self._lejepa(embeddings, n_global, progress, surveyed)
        found = {"Invariance": judged.invariance, "SIGReg": judged.sigreg}
        share = 1 / surveyed.batches if surveyed else 1.0
        if config.variance_weight:
            found["Variance"] = share * variance(embeddings, sum_across=progress.sum_across)
        if config.dense_weight:
            agreement = patches_agree(looks[0], n_global, projector=self.projector, sum_across=progress.sum_across)
            found["Dense"] = share * agreement
        self.watch.note(surveyed.statistics if surveyed else self.watch.look(embeddings, progress), progress)
        return found

    def survey(self, embeddings: Sequence[Tensor], progress: Progress) -> SurveyedEmbeddings:
        """What ``terms`` must know of all batches, (V,B,D) each and without unit."""
        own = [characteristic_sums(one, step=progress.step, settings=self._settings) for one in embeddings]
        sums = own[0]
        for other in own[1:]:
            sums = sums + other
        statistics = self.watch.look(torch.cat(list(embeddings), dim=1), progress)
        return SurveyedEmbeddings(sums=sums.across(progress.sum_across), batches=len(own), statistics=statistics)

    def _lejepa(
        self, embeddings: Tensor, n_global: int, progress: Progress, surveyed: SurveyedEmbeddings | None
    ) -> LejepaTerms:
        lamb, step, settings = self._config.lamb, progress.step, self._settings
        if surveyed is None:
            across = progress.sum_across
            terms = lejepa(embeddings, n_global=n_global, lamb=lamb, step=step, settings=settings, sum_across=across)
            return terms if embeddings.shape[1] > 1 else _of_several(terms, across(embeddings.new_ones(())))
        shares = lejepa_of_sums(embeddings, surveyed.sums, n_global=n_global, lamb=lamb, step=step, settings=settings)
        return shares.across(progress.sum_across)


def _of_several(terms: LejepaTerms, pictures: Tensor) -> LejepaTerms:
    """The terms, but no SIGReg where a last, incomplete update has one picture () in all: it would pull it to the origin."""
    return terms._replace(sigreg=torch.where(pictures > 1, terms.sigreg, 0 * terms.sigreg))


def together(looks: Sequence[Look]) -> Tensor:
    """Embeddings of all views, global ones first: (V,B,D), no unit."""
    return torch.cat([look.embeddings for look in looks if look.embeddings is not None])
