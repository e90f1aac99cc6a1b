# SPDX-License-Identifier: Apache-2.0
"""Linear fits that a few wrong rows cannot spoil: a design and a target enter, coefficients with their doubts leave.

Iteratively reweighted least squares (Huber 1964; Holland and Welsch 1977), in float64, without random numbers: a start
that minimises the sum of absolute residuals, then Huber's or Tukey's weights on residuals in units of their own robust
spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Loss = Literal["huber", "tukey"]

# 95 % of least squares' efficiency on normal residuals (Holland and Welsch 1977, table 1).
HUBER_CUT, TUKEY_CUT = 1.345, 4.685
MAD_TO_SIGMA = 1.4826
_START_STEPS, _MAX_STEPS = 20, 60
_SETTLED = 1e-9
_PARTNERS, _CLOSE, _ENOUGH_ROWS = 16, 0.1, 1000
# Residuals below this share of the target's size are rounding: float32 predictions resolve 6e-8.
ROUNDING = 1e-7


@dataclass(frozen=True, kw_only=True, slots=True)
class RobustFit:
    """A fitted linear model.

    Attributes:
        coefficients: (P,) float64, one per column of the design.
        weights: (N,) float64 in [0, 1], how far each row was believed.
        residuals: (N,) float64, target minus fit, in the unit of the target.
        spread: robust standard deviation of the residuals in the unit of the target; 0 where rows do not exceed columns.
    """

    coefficients: Tensor
    weights: Tensor
    residuals: Tensor
    spread: float


def fit_robust(*, design_NP: Tensor, target_N: Tensor, loss: Loss = "huber") -> RobustFit:
    """Coefficients c with ``design @ c ~ target``.

    Args:
        design_NP: (N, P) finite numbers, N at least P; any units.
        target_N: (N,) finite numbers.
        loss: "huber" bounds the pull of wrong rows, "tukey" ends it.

    Rows that are linearly dependent give the least coefficients among the equally good ones.

    >>> x = torch.arange(6.0)
    >>> rows, wrong = torch.stack([x, torch.ones(6)], 1), torch.tensor([0.0, 0, 0, 50, 0, 0])
    >>> [round(c, 3) for c in fit_robust(design_NP=rows, target_N=2 * x + 1 + wrong, loss="tukey").coefficients.tolist()]
    [2.0, 1.0]
    """
    design, target = design_NP.double(), target_N.double()
    floor = ROUNDING * float(target.abs().median()) + torch.finfo(torch.float64).tiny
    coefficients = _weighted(design, target, torch.ones_like(target))
    for _ in range(_START_STEPS):
        coefficients = _weighted(design, target, 1.0 / (target - design @ coefficients).abs().clamp(min=floor))
    spread = _spread(target - design @ coefficients, design.shape[1])
    for _ in range(_MAX_STEPS):
        residuals = target - design @ coefficients
        # It may shrink but not grow: with the wrong rows in it, it would grow until all of them are believed.
        spread = min(spread, _spread(residuals, design.shape[1]))
        weights = _weights(residuals / max(spread, floor), loss)
        moved = _weighted(design, target, weights) - coefficients
        coefficients = coefficients + moved
        if float(moved.abs().max()) <= _SETTLED * float(coefficients.abs().max()):
            break
    return RobustFit(coefficients=coefficients, weights=weights, residuals=target - design @ coefficients, spread=spread)


def coefficient_covariance(fit: RobustFit, design_NP: Tensor, group_N: Tensor) -> Tensor | None:
    """How uncertain the coefficients of a Huber fit are, when rows of one group may be wrong together.

    The sandwich of Huber (1967) with scores summed by group (Liang and Zeger 1986) and the usual small-sample factor.

    Args:
        fit: from ``fit_robust`` with loss "huber".
        design_NP: (N, P), the design of that fit.
        group_N: (N,) int64 in [0, G), the group of each row; one group per row where rows are independent.

    Returns:
        (P, P) float64, or None where there are no more groups or rows than columns: nothing is left to learn it from.
    """
    design = design_NP.double()
    rows, columns = design.shape
    groups = int(group_N.max()) + 1
    if groups <= columns or rows <= columns:
        return None
    inside = (fit.residuals.abs() <= HUBER_CUT * fit.spread).double()
    bread = torch.linalg.pinv(design.T @ (design * inside[:, None]), hermitian=True)
    scores = torch.zeros(groups, columns, dtype=torch.float64)
    scores.index_add_(0, group_N, design * (fit.weights * fit.residuals)[:, None])
    factor = groups / (groups - 1) * (rows - 1) / (rows - columns)
    covariance: Tensor = factor * bread @ (scores.T @ scores) @ bread
    return covariance


def median_line(*, x_N: Tensor, y_N: Tensor) -> tuple[float, float]:
    """Slope and intercept of y over x as medians over pairs of rows (Theil 1950, Sen 1968), in float64.

    Unlike a start by absolute residuals it is not drawn to a cluster of wrong rows far from the others: up to 29 % may be
    wrong.  Pairs are 16 fixed partners for each row, less those so close in x that their slopes are noise.  Of more than
    2000 rows an even choice is looked at, which costs a few thousandths of the accuracy that a start needs.

    Args:
        x_N, y_N: (N,) finite, N at least 2.

    Returns:
        Slope and intercept; slope 0 where x is constant.

    >>> x = torch.arange(20.0)
    >>> median_line(x_N=x, y_N=2 * x + 1 + 30 * (x > 16))
    (2.0, 1.0)
    """
    every = max(1, len(x_N) // _ENOUGH_ROWS)
    x, y = x_N[::every].double(), y_N[::every].double()
    steps = sorted({1 + round(len(x) * share / (_PARTNERS + 1)) for share in range(_PARTNERS)})
    run, rise = (torch.cat([one.roll(step) - one for step in steps]) for one in (x, y))
    far = (run.abs() >= _CLOSE * run.abs().median()) & (run != 0)
    slope = float((rise[far] / run[far]).median()) if bool(far.any()) else 0.0
    return slope, float((y - slope * x).median())


def tukey_weights(units: Tensor) -> Tensor:
    """Tukey's biweight of residuals in units of their spread: (N,) -> (N,) in [0, 1], 0 from 4.685 on.

    >>> tukey_weights(torch.tensor([0.0, -9.0])).tolist()
    [1.0, 0.0]
    """
    return (1.0 - (units / TUKEY_CUT).square()).clamp(min=0.0).square()


def _weighted(design: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """(N, P), (N,), (N,) -> (P,) weighted least squares; columns are brought to one size for the conditioning."""
    root = weights.sqrt()
    size = design.square().mean(dim=0).sqrt()
    size = torch.where(size > 0, size, 1.0)
    rows = design / size * root[:, None]
    solution: Tensor = torch.linalg.pinv(rows.T @ rows, hermitian=True) @ (rows.T @ (target * root))
    return solution / size


def _spread(residuals: Tensor, columns: int) -> float:
    """Median absolute residual as a standard deviation; the ``columns`` smallest are left out, for a fit can make them 0."""
    if residuals.numel() <= columns:
        return 0.0
    middle = columns + (residuals.numel() - columns + 1) // 2  # counted from 1
    return MAD_TO_SIGMA * float(residuals.abs().kthvalue(middle).values)


def _weights(units: Tensor, loss: Loss) -> Tensor:
    return tukey_weights(units) if loss == "tukey" else (HUBER_CUT / units.abs().clamp(min=HUBER_CUT)).clamp(max=1.0)
