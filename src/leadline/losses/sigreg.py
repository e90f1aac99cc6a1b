# SPDX-License-Identifier: Apache-2.0
"""Embeddings of a global batch enter, how far they are from a standard normal distribution along random directions leaves.

SIGReg, Sketched Isotropic Gaussian Regularization (Balestriero and LeCun, LeJEPA, arXiv 2511.08544).  Along one direction
the distance is the statistic of Epps and Pulley (1983): with C and S the means over N samples of cos(t x) and sin(t x),

    T = N * integral of [(C(t) - exp(-t^2/2))^2 + S(t)^2] exp(-t^2/2) dt   over [-t_max, t_max], by trapezoids.

A statistic cannot be averaged over parts of a batch, its sums can: processes and micro-batches exchange the sums of cosines
and sines and the number of samples.

Legend of suffixes: V views, N samples, D dimensions of an embedding, M slices, K knots, 2 cosine and sine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError, require
from leadline.losses.pooling import SumAcross, keep
from leadline.losses.power_sums import power_sums


@dataclass(frozen=True, kw_only=True, slots=True)
class SigregSettings:
    """How finely the distance is measured; the defaults are the published code's.

    Attributes:
        slices: random directions, drawn anew in every step.
        knots: points of the quadrature in [0, t_max], both ends included.
        t_max: where the integral over frequencies ends, in 1 / unit of the embeddings.
        slices_at_once: directions that are held at a time; 0 fills a block that suits the device.  Changes no value.
    """

    slices: int = 1024
    knots: int = 17
    t_max: float = 3.0
    slices_at_once: int = 0

    def __post_init__(self) -> None:
        """Refuse what measures nothing."""
        require(self.slices >= 1, "slices of 1 or more", self.slices, "e.g. 1024")
        require(self.knots >= 2, "knots of 2 or more", self.knots, "e.g. 17")
        require(0 < self.t_max < math.inf, "a finite t_max above 0", self.t_max, "e.g. 3 or 5")
        require(self.slices_at_once >= 0, "slices_at_once of 0 or more", self.slices_at_once, "0 chooses by the device")

    @property
    def spacing(self) -> float:
        """From knot to knot."""
        return self.t_max / (self.knots - 1)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EcfSums:
    """Sums over samples of what the statistic is a function of; those of two halves add up to those of the whole.

    Attributes:
        cosine, sine: (...,M,K) sums of cos(t x) and sin(t x), the leading dimensions those of the embeddings.
        count: () number of samples.
    """

    cosine: Tensor
    sine: Tensor
    count: Tensor

    def __add__(self, other: EcfSums) -> EcfSums:
        """Of both sets of samples, along the same directions."""
        return EcfSums(cosine=self.cosine + other.cosine, sine=self.sine + other.sine, count=self.count + other.count)

    def across(self, sum_across: SumAcross) -> EcfSums:
        """Of the samples of all ranks, in one exchange; see ``losses.pooling`` for ``sum_across``."""
        sums = torch.cat([self.cosine.flatten(), self.sine.flatten(), self.count.reshape(1)])
        cosine, sine, count = torch.split(sum_across(sums), [self.cosine.numel(), self.sine.numel(), 1])
        return EcfSums(
            cosine=cosine.view_as(self.cosine), sine=sine.view_as(self.sine), count=count.detach().view_as(self.count)
        )


DEFAULT = SigregSettings()


def sigreg(embeddings: Tensor, *, step: int, settings: SigregSettings = DEFAULT, sum_across: SumAcross = keep) -> Tensor:
    """Mean statistic over random slices, and over views where there are several: 0 at best, ``null_statistic`` by chance.

    Nothing is exempt: not a shift, not a factor, not a rotation of part of the space.  With one sample in all the only
    gradient is a pull to the origin, so recipes refuse global batches of fewer than two; NaN comes out where NaN goes in.
    All embeddings at one point at the origin have exactly no gradient.

    Args:
        embeddings: (...,N,D) of any floating type, without unit; leading dimensions, e.g. views, are judged one by one.
        step: of the optimiser; decides the directions, see ``directions``.
        settings: number of slices and quadrature.
        sum_across: sum over ranks, see ``losses.pooling``; ranks may hold different numbers of samples, even none.

    Returns:
        () float32, or float64 of float64 embeddings; also under autocast.

    Raises:
        ContractError: fewer than two dimensions.

    >>> one = SigregSettings(slices=1)
    >>> [round(sigreg(torch.tensor(points), step=0, settings=one).item(), 4) for points in ([[0.0]], [[-1.0], [1.0]])]
    [0.402, 0.2057]
    """
    return epps_pulley_per_slice(embeddings, step=step, settings=settings, sum_across=sum_across).mean()


def epps_pulley_per_slice(
    embeddings: Tensor, *, step: int, settings: SigregSettings = DEFAULT, sum_across: SumAcross = keep
) -> Tensor:
    """The statistic T of every slice: (...,N,D) -> (...,M), float32 or float64; arguments and errors of ``sigreg``."""
    return _statistic(_sums_of(embeddings, step, settings).across(sum_across), settings)


def characteristic_sums(embeddings: Tensor, *, step: int, settings: SigregSettings = DEFAULT) -> EcfSums:
    """First of two passes over the micro-batches of an update: sums without gradient, to be added up.

    Embeddings must come out alike in both passes, so batch statistics must be frozen and random draws repeated.
    Arguments and errors of ``sigreg``; what ranks have added up is summed by ``EcfSums.across``.
    """
    with torch.no_grad():
        return _sums_of(embeddings, step, settings)


def sigreg_of_sums(embeddings: Tensor, sums: EcfSums, *, step: int, settings: SigregSettings = DEFAULT) -> Tensor:
    """Second of two passes: the share of one micro-batch in the ``sigreg`` of all samples that ``sums`` has seen.

    Values add up to the whole statistic, gradients to its gradient, over micro-batches and over ranks: the statistic depends
    on a sample only through the sums, so its gradient is that of the own sums times constants.  With several ranks, pass the
    result through ``sum_across``.

    Args:
        embeddings: (...,N,D) as in the first pass.
        sums: of all micro-batches and ranks, from ``characteristic_sums``.
        step: as in the first pass.
        settings: as in the first pass.

    Returns:
        () float32, or float64 of float64 embeddings.

    Raises:
        ContractError: fewer than two dimensions, or sums of other views, slices or knots.

    >>> batch = torch.randn(8, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> sums = characteristic_sums(batch[:3], step=0) + characteristic_sums(batch[3:], step=0)
    >>> shares = [sigreg_of_sums(part, sums, step=0) for part in (batch[:3], batch[3:])]
    >>> bool(abs(sum(shares) - sigreg(batch, step=0)) < 1e-12)
    True
    """
    own = _sums_of(embeddings, step, settings)
    if own.cosine.shape != sums.cosine.shape:
        raise ContractError(
            expected=f"sums of {tuple(sums.cosine.shape)}: views, slices and knots of the first pass",
            got=f"{tuple(own.cosine.shape)} from the embeddings",
            remedy="give both passes the same views and settings",
        )
    target_K, weight_K = _quadrature(settings, own.cosine)
    cosine_slope = 2 * weight_K * (sums.cosine / sums.count - target_K)  # dT / d(sum of cosines): N cancels
    sine_slope = 2 * weight_K * sums.sine / sums.count
    moving = (own.cosine * cosine_slope + own.sine * sine_slope).sum(-1).mean()
    return _statistic(sums, settings).mean() * own.count / sums.count + (moving - moving.detach())


def directions(dimension: int, settings: SigregSettings, *, step: int, device: torch.device | str = "cpu") -> Tensor:
    """Random unit vectors, a pure function of the step: every rank and every resumed run draws the same.

    Args:
        dimension: D of the embeddings.
        settings: how many.
        step: the seed, not negative.
        device: where they are moved; they are drawn on the CPU, whose numbers are those of every machine.

    Returns:
        (D,M) float32, columns of length 1.

    >>> bool(torch.equal(directions(3, DEFAULT, step=7), directions(3, DEFAULT, step=7)))
    True
    """
    normal_DM = torch.randn(dimension, settings.slices, generator=torch.Generator().manual_seed(step))
    lengths_M = normal_DM.square().sum(0).sqrt()  # ten times as fast as vector_norm along the first dimension
    return (normal_DM / lengths_M).to(device)


def null_statistic(settings: SigregSettings = DEFAULT) -> float:
    """Expected value, without unit, where embeddings are standard normal, whatever N and D: 1.0525 by default.

    E|C + iS - target|^2 = (1 - target^2) / N, and N cancels.
    """
    target_K, weight_K = _quadrature(settings, torch.empty(0, dtype=torch.float64))
    return float((weight_K * (1 - target_K.square())).sum())


def _quadrature(settings: SigregSettings, like: Tensor) -> tuple[Tensor, Tensor]:
    """Characteristic function of the standard normal at the knots, and weights of trapezoids on both halves of the line."""
    knots_K = torch.linspace(0, settings.t_max, settings.knots, dtype=torch.float64)
    target_K = torch.exp(-knots_K.square() / 2)
    widths_K = torch.full_like(knots_K, 2 * settings.spacing)
    widths_K[[0, -1]] = settings.spacing
    return target_K.to(like), (widths_K * target_K).to(like)


def _statistic(sums: EcfSums, settings: SigregSettings) -> Tensor:
    """(...,M) of sums (...,M,K)."""
    target_K, weight_K = _quadrature(settings, sums.cosine)
    distance = (sums.cosine / sums.count - target_K).square() + (sums.sine / sums.count).square()
    per_slice: Tensor = (distance * weight_K).sum(-1) * sums.count
    return per_slice


def _sums_of(embeddings: Tensor, step: int, settings: SigregSettings) -> EcfSums:
    """Sums over this rank's samples, with gradient where embeddings (...,N,D) have one."""
    if embeddings.ndim < 2:
        raise ContractError(
            expected="embeddings (...,N,D): samples before dimensions", got=f"{tuple(embeddings.shape)}", remedy="stack them"
        )
    full = torch.float64 if embeddings.dtype == torch.float64 else torch.float32
    N, D = embeddings.shape[-2:]
    full_VND = embeddings.to(full).unsqueeze(0).flatten(0, -3)  # also of no samples, where -1 would be ambiguous
    directions_DM = directions(D, settings, step=step, device=embeddings.device).to(full)
    sums_VMK2 = power_sums(
        full_VND, directions_DM, spacing=settings.spacing, powers=settings.knots, at_once=settings.slices_at_once
    )
    cosine, sine = sums_VMK2.view(*embeddings.shape[:-2], *sums_VMK2.shape[1:]).unbind(-1)
    return EcfSums(cosine=cosine, sine=sine, count=torch.tensor(float(N), dtype=full, device=embeddings.device))
