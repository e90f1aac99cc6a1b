# SPDX-License-Identifier: Apache-2.0
"""Two maps of one scene enter; the factor and offset that bring the one to the other, as its kind allows, leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.depth_map import DepthKind
from leadline.geometry.robust_fit import MAD_TO_SIGMA, ROUNDING, TUKEY_CUT

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """``scale * predicted + shift`` is nearest to the target.

    Attributes:
        scale: above 0, target units per predicted unit.
        shift: in the unit of the target; 0 for kinds without a free offset.
        explained: share in [0, 1] of the target's energy (of its variance, where there is an offset) that the fit explains
            at the places that it counts.
    """

    scale: float
    shift: float
    explained: float


def robust_fit(*, predicted: NDArray[np.floating], target: NDArray[np.floating], kind: DepthKind) -> Fit | None:
    """Least squares with Tukey's weights, so that a part of the scene in which the maps differ does not tilt the fit.

    Starts from the medians and the median deviations, which up to half of the places cannot mislead, and weighs anew ten
    times.

    Args:
        predicted, target: finite numbers at the same N places, any shape, in the space of ``kind``.
        kind: affine kinds get a factor and an offset, all others a factor.

    Returns:
        None where there is nothing to fit: no place, a constant prediction of an affine kind, or a factor that is not
        positive, which would turn the map upside down.

    >>> truth = np.array([1.0, 2.0, 4.0])
    >>> fit = robust_fit(predicted=2 * truth - 1, target=truth, kind=DepthKind.AFFINE_DISPARITY)
    >>> (round(fit.scale, 9), round(fit.shift, 9), round(fit.explained, 9))
    (0.5, 0.5, 1.0)
    """
    p, t = (np.asarray(x, np.float64).ravel() for x in (predicted, target))
    noise = ROUNDING * float(np.abs(t).max(initial=0.0))
    scale, shift = _start(p, t, kind) if p.size else (1.0, 0.0)
    fit = None
    for _ in range(_ROUNDS):
        residual = np.abs(t - scale * p - shift)
        bound = TUKEY_CUT * max(MAD_TO_SIGMA * float(np.median(residual)), noise) if p.size else 0.0
        weights = np.maximum(1 - (residual / bound) ** 2, 0) ** 2 if bound > 0 else np.ones_like(p)
        fit = _least_squares(p, t, weights, kind)
        if fit is None:
            return None
        scale, shift = fit.scale, fit.shift
    return fit


def _start(p: NDArray[np.float64], t: NDArray[np.float64], kind: DepthKind) -> tuple[float, float]:
    middle_p, middle_t = float(np.median(p)), float(np.median(t))
    if not kind.has_free_offset:
        return (middle_t / middle_p if middle_p > 0 else 0.0), 0.0
    spread_p, spread_t = float(np.median(np.abs(p - middle_p))), float(np.median(np.abs(t - middle_t)))
    scale = spread_t / spread_p if spread_p > 0 else 0.0
    return scale, middle_t - scale * middle_p


def _least_squares(
    p: NDArray[np.float64], t: NDArray[np.float64], weights: NDArray[np.float64], kind: DepthKind
) -> Fit | None:
    total = float(weights.sum())
    if total <= 0:
        return None
    affine = kind.has_free_offset
    mean_p, mean_t = (float((weights * x).sum()) / total if affine else 0.0 for x in (p, t))
    centred_p, centred_t = p - mean_p, t - mean_t
    power, energy = (float((weights * x * x).sum()) for x in (centred_p, centred_t))
    size = float((weights * p * p).sum())
    if power <= size * ROUNDING**2 or power <= 0:
        return None
    product = float((weights * centred_p * centred_t).sum())
    scale = product / power
    if scale <= 0:
        return None
    explained = min(1.0, product * scale / energy) if energy > 0 else 1.0
    return Fit(scale=scale, shift=mean_t - scale * mean_p, explained=explained)
