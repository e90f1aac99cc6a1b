# SPDX-License-Identifier: Apache-2.0
"""Embeddings of several views of a global batch enter, numbers that tell whether they have collapsed leave, and alarms.

For the log, not for the loss: nothing here has a gradient, and a decomposition of (D,D) is not for every step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.pooling import SumAcross, keep
from leadline.losses.sigreg import DEFAULT, SigregSettings, epps_pulley_per_slice, null_statistic

FAR = 0.1
"""Statistic per sample from which embeddings are far from normal; all of them at one point reach about 0.4."""
BELOW_CHANCE = 0.8
"""Running mean of the statistic under which samples cannot be independent; 1.05 is expected of normal ones."""
ENOUGH = 20
"""Steps before a running mean says something."""
_MOMENTUM = 0.98


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EmbeddingStatistics:
    """What the embeddings of a global batch look like; float64 on the CPU, without unit.

    Attributes:
        statistic: (V,) SIGReg's of each view.
        null: what ``statistic`` is expected to be of normal embeddings, see ``losses.sigreg.null_statistic``.
        count: () samples N of all ranks.
        effective_rank: () exp of the entropy of the singular values of all V*N embeddings, 1 to D (RankMe, Garrido et al.
            2023); 0 where all embeddings are 0.
        spread: (D,) standard deviation of each dimension over all V*N embeddings.
        mean_norm: () mean length of an embedding; about sqrt(D) where they are standard normal.
        view_agreement: () mean cosine between two views of one picture, the mean embedding taken off: 1 where views are
            alike, also where there is one; about 0 where they have nothing to do with one another, or where all are alike.
    """

    statistic: Tensor
    null: float
    count: Tensor
    effective_rank: Tensor
    spread: Tensor
    mean_norm: Tensor
    view_agreement: Tensor

    def summary(self) -> dict[str, float]:
        """One number for each line of a plot."""
        return {
            "Statistic": self.statistic.mean().item(),
            "StatisticNull": self.null,
            "EffectiveRank": self.effective_rank.item(),
            "SmallestSpread": self.spread.min().item(),
            "MeanSpread": self.spread.mean().item(),
            "MeanNorm": self.mean_norm.item(),
            "ViewAgreement": self.view_agreement.item(),
        }


class RunningStatistic:
    """Mean of the statistic over recent steps; one step of few samples says little."""

    def __init__(self) -> None:
        self._mean, self._steps = 0.0, 0

    def add(self, statistics: EmbeddingStatistics) -> None:
        """Count one more step."""
        self._steps += 1
        share = max(1 - _MOMENTUM, 1 / self._steps)  # a plain mean as long as there are few
        self._mean += share * (statistics.statistic.mean().item() - self._mean)

    @property
    def mean(self) -> float | None:
        """Without unit; None before ``ENOUGH`` steps."""
        return self._mean if self._steps >= ENOUGH else None


def embedding_statistics(
    embeddings_VND: Tensor, *, step: int, settings: SigregSettings = DEFAULT, sum_across: SumAcross = keep
) -> EmbeddingStatistics:
    """Look at the embeddings of a global batch.

    Args:
        embeddings_VND: (V,N,D) of V views of N pictures, of any floating type.
        step: of the optimiser, see ``losses.sigreg.directions``.
        settings: SIGReg's.
        sum_across: sum over ranks, see ``losses.pooling``, here also of CPU tensors.

    Returns:
        The statistics; NaN where an embedding is not finite.

    Raises:
        ContractError: another shape.

    >>> found = embedding_statistics(torch.ones(2, 4, 3), step=0)
    >>> found.effective_rank.item(), found.spread.tolist(), round(found.mean_norm.item(), 3)
    (1.0, [0.0, 0.0, 0.0], 1.732)
    """
    if embeddings_VND.ndim != 3:
        raise ContractError(
            expected="embeddings (V,N,D): views, pictures, dimensions",
            got=f"{tuple(embeddings_VND.shape)}",
            remedy="stack the views' embeddings",
        )
    embeddings_VND = embeddings_VND.detach()
    per_slice_VM = epps_pulley_per_slice(embeddings_VND, step=step, settings=settings, sum_across=sum_across)
    exact_VND = (
        embeddings_VND.cpu().double()
    )  # singular values are roots of those of (D,D): float32 would leave 1e-4 of noise
    V, N, D = exact_VND.shape
    sums = sum_across(torch.cat([exact_VND.sum((0, 1)), exact_VND.new_tensor([N])]))
    count = sums[-1]
    centred_VND = exact_VND - sums[:-1] / (V * count)
    flat = exact_VND.flatten(0, 1)
    looks = [centred_VND.square().sum((0, 1)), flat.norm(dim=1).sum(), _agreements(centred_VND).sum(), flat.T @ flat]
    summed = sum_across(torch.cat([look.flatten() for look in looks]))
    squares_D, norms, agreements, products = torch.split(summed, [D, 1, 1, D * D])
    return EmbeddingStatistics(
        statistic=per_slice_VM.mean(-1).cpu().double(),
        null=null_statistic(settings),
        count=count,
        effective_rank=_effective_rank(products.view(D, D)),
        spread=(squares_D / (V * count - 1).clamp(min=1)).sqrt(),
        mean_norm=norms[0] / (V * count),
        view_agreement=agreements[0] / count,
    )


def alarms(statistics: EmbeddingStatistics, *, running: float | None = None) -> list[str]:
    """What a person should be told, one sentence each; nothing where all is well.

    Args:
        statistics: of one step.
        running: mean statistic of recent steps, ``RunningStatistic.mean``.
    """
    worst, count = statistics.statistic.max().item(), statistics.count.item()
    rank = f"effective rank {statistics.effective_rank.item():.1f} of {len(statistics.spread)}"
    if not math.isfinite(worst):
        return ["an embedding is not finite"]
    told = []
    # of few samples, chance alone is more than FAR
    if worst > FAR * count and worst > 2 * statistics.null:
        told.append(
            f"embeddings are far from normal or have collapsed: SIGReg's statistic is {worst / count:.2f} per sample, "
            f"0.40 where all are 0; {rank}"
        )
    if running is not None and running < BELOW_CHANCE:
        told.append(
            f"embeddings of one batch depend on one another: SIGReg's mean statistic of {running:.2f} is below the "
            f"{statistics.null:.2f} of independent ones, as behind a normalised output or with few samples ({count:.0f})"
        )
    return told


def _agreements(centred_VND: Tensor) -> Tensor:
    """(N,) mean cosine over pairs of different views."""
    V = len(centred_VND)
    if V == 1:
        return centred_VND.new_ones(centred_VND.shape[1])
    unit_VND = F.normalize(centred_VND, dim=-1)
    pairs: Tensor = unit_VND.sum(0).square().sum(-1) - unit_VND.square().sum((0, 2))
    return pairs / (V * (V - 1))


def _effective_rank(products_DD: Tensor) -> Tensor:
    """() of the matrix of inner products of dimensions."""
    if not products_DD.isfinite().all():
        return products_DD.new_tensor(torch.nan)
    singular: Tensor = torch.linalg.eigvalsh(products_DD).clamp(min=0).sqrt()
    total: Tensor = singular.sum()
    if total == 0:
        return total
    return torch.exp(-torch.special.xlogy(singular / total, singular / total).sum())
