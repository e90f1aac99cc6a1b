# SPDX-License-Identifier: Apache-2.0
"""Frames of a clip and their depth enter one by one; the same depth without the jumps of its scale and shift leaves.

Single-picture networks give each frame a scale (and, for affine kinds, a shift) of its own.  For every frame the two that
carry it onto the previous *stabilised* frame are found from pixels where the picture stands still, robustly, and applied
to the whole frame.  Causal, one pass, no training; what it holds is one coarse frame and four numbers.

1.  *Where*: cells of a coarse grid whose brightness stayed (``clip_grid.still``); all cells where fewer than a fifth did,
    as when the camera moves, for then the fit itself tells what moved from what stayed.
2.  *Fit*: kinds with a true zero (metric, scale-invariant, stereo disparity) get a factor, the robust mean of log ratios.
    Affine kinds get factor and shift: from the line of medians on, Tukey's weights say which cells belong together, and
    their weighted centre and spread are matched.  A regression onto a noisy map would shrink the factor a little at every
    frame and flatten the clip in the end; matching spreads, where both frames count alike, does not.
3.  *Drift*: locked for good, a metric clip would keep its first frame's scale however far the camera walks.  The scale
    (and centre) therefore follow the raw ones slowly, by a critically damped alpha-beta filter, which has no lag behind
    a steady approach: 0.5 s for kinds in true units, 10 s for the others, whose raw scale means nothing.
4.  *Cut*: a frame that hardly resembles the last one, or that no fit explains, starts anew with its raw map.

What it can mend is what one scale and one shift a frame can say.  How little flicker (``clips.flicker``) that could leave
was estimated by an oracle, which sees the whole clip and searches both for every frame; it is an estimate and no bound, for
the search is local and may miss the least.  Depth Anything V2 small at 252 pixels, its one absent tensor 0:

=====================================================  ======  ======  ======
flicker, %                                             before  after   oracle
=====================================================  ======  ======  ======
made room, drawn scale and shift, 1 % noise (24)        87.6    0.61    0.59
real clip, camera at rest (24 frames)                    6.28   2.51    2.52
real clip, camera at rest, quiet already (24)            0.54   0.33    0.38
seven_scenes, hand-held, 5 frames/s (36)                 4.50   3.70    3.38
=====================================================  ======  ======  ======

What then is left is change of *shape*: another slant of a wall, an edge elsewhere, and, where the camera moves, pixels that
look still and are of other places.  No scale and shift mends it, and smoothing over time would at the price of trails behind
what moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.geometry.robust_fit import MAD_TO_SIGMA, fit_robust, median_line, tukey_weights
from leadline.inference.clips.grid import likeness, sampled, still

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthMap

DRIFT_TRUE_UNITS_S, DRIFT_S = 0.5, 10.0
_ENOUGH_STILL = 0.2
_CUT_STILL, _CUT_LIKENESS = 0.3, 0.6  # both below: another scene
_FEWEST_CELLS = 12
_WIDEST_LOG_SCALE = math.log(8.0)  # no network changes its scale by more between two frames of one scene
_FEWEST_BELIEVED = 0.25  # of the cells; below, the fit explains too little
_SYMMETRIC_STEPS = 8
_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Stabilised:
    """One frame's answer.

    Attributes:
        depth: (H, W) ``scale * raw + shift``, of the raw map's kind and unit.
        scale, shift: what was applied; no unit, and the map's unit.
        restarted: whether this frame began anew, as the first one does.
    """

    depth: DepthMap
    scale: float
    shift: float
    restarted: bool


@dataclass(frozen=True, slots=True)
class _Last:
    """The last frame on the grid, stabilised."""

    values: NDArray[np.float32]
    usable: NDArray[np.bool_]
    picture: NDArray[np.float32]
    time_s: float


class Stabiliser:
    """State of one clip.

    Args:
        kind: of the maps.
        drift_s: time constant of the drift, seconds; None takes the kind's own, infinity locks the scale.
    """

    def __init__(self, kind: DepthKind, *, drift_s: float | None = None) -> None:
        self._scale_only = not kind.has_free_offset
        usual_s = DRIFT_TRUE_UNITS_S if kind.in_true_units else DRIFT_S
        self._drift_s = usual_s if drift_s is None else drift_s
        self._last: _Last | None = None
        self._restart()

    def _restart(self) -> None:
        self._log_scale, self._centre = _Follower(), _Follower()

    def step(self, depth: DepthMap, picture: NDArray[np.float32], time_s: float) -> Stabilised:
        """The next frame, stabilised.

        Args:
            depth: (H, W) raw map, of one size and kind throughout the clip.
            picture: (h, w) brightness from ``clip_grid.brightness``.
            time_s: of the frame, rising.
        """
        values, usable = sampled(depth)
        scale, shift, restarted, last = 1.0, 0.0, True, self._last
        if last is not None:
            quiet = still(last.picture, picture)
            share = float(quiet.mean())
            found = None
            if share >= _CUT_STILL or likeness(last.picture, picture) >= _CUT_LIKENESS:
                chosen = usable & last.usable
                chosen &= quiet if share >= _ENOUGH_STILL else True
                found = self._fitted(values[chosen], last.values[chosen], max(time_s - last.time_s, 0.0))
            if found is not None:
                (scale, shift), restarted = found, False
        if restarted:
            self._restart()
        self._last = _Last((scale * values + shift).astype(np.float32), usable, picture, time_s)
        stable = (np.float32(scale) * depth.values + np.float32(shift)).astype(np.float32)
        return Stabilised(depth=replace(depth, values=stable), scale=scale, shift=shift, restarted=restarted)

    def _fitted(self, raw: NDArray[np.float32], last: NDArray[np.float32], elapsed_s: float) -> tuple[float, float] | None:
        """Scale and shift for this frame after drift, from the cells (N,) of it and of the last stabilised frame."""
        if len(raw) < _FEWEST_CELLS:
            return None
        pace = 1.0 - math.exp(-elapsed_s / self._drift_s)
        if self._scale_only:
            log_scale = _log_ratio(raw, last)
            return None if log_scale is None else (math.exp(log_scale + self._log_scale.step(-log_scale, pace)), 0.0)
        matched = _matched(raw, last)
        if matched is None:
            return None
        spread_last, log_scale = matched.spread_last, math.log(matched.spread_last / matched.spread_raw)
        scale = math.exp(log_scale + self._log_scale.step(-log_scale, pace))
        centre = matched.centre_last + spread_last * self._centre.step(
            (matched.centre_raw - matched.centre_last) / spread_last, pace
        )
        return scale, centre - scale * matched.centre_raw


class _Follower:
    """How far one number moves from its last stabilised value towards the raw one: an alpha-beta filter."""

    def __init__(self) -> None:
        self._speed = 0.0  # per frame

    def step(self, raw: float, pace: float) -> float:
        """Relative to the last stabilised value; ``pace`` is the filter's alpha, beta damps it critically."""
        surprise = raw - self._speed
        moved = self._speed + pace * surprise
        self._speed += (2.0 - pace - 2.0 * math.sqrt(1.0 - pace)) * surprise
        return moved


@dataclass(frozen=True, slots=True)
class _Matched:
    centre_raw: float
    spread_raw: float
    centre_last: float
    spread_last: float


def _log_ratio(raw: NDArray[np.float32], last: NDArray[np.float32]) -> float | None:
    """Robust mean of log(last / raw) over the cells where both are above zero."""
    positive = (raw > 0) & (last > 0)
    if np.count_nonzero(positive) < _FEWEST_CELLS:
        return None
    ratios = torch.from_numpy(np.log(last[positive].astype(np.float64) / raw[positive]))
    fit = fit_robust(design_NP=torch.ones(len(ratios), 1), target_N=ratios, loss="tukey")
    log_scale = float(fit.coefficients[0])
    return log_scale if _is_explained(fit.weights, log_scale) else None


def _matched(raw: NDArray[np.float32], last: NDArray[np.float32]) -> _Matched | None:
    """Centre and spread of both frames over the cells that belong to one line; the same with the frames exchanged."""
    x, y = torch.from_numpy(raw.astype(np.float64)), torch.from_numpy(last.astype(np.float64))
    slope, intercept = median_line(x_N=x, y_N=y)
    if not slope > 0:
        return None  # a map of one value has no scale; one that runs the other way is of another scene
    weights = _belonging((y - slope * x - intercept) / float(y.abs().max()))
    for _ in range(_SYMMETRIC_STEPS):
        (centre_raw, spread_raw), (centre_last, spread_last) = (_moments(one, weights / weights.sum()) for one in (x, y))
        if not (spread_raw > _ROUNDING * float(x.abs().max()) and spread_last > _ROUNDING * float(y.abs().max())):
            return None
        weights = _belonging((y - centre_last) / spread_last - (x - centre_raw) / spread_raw)
    if not _is_explained(weights, math.log(spread_last / spread_raw)):
        return None
    return _Matched(centre_raw, spread_raw, centre_last, spread_last)


def _belonging(apart: torch.Tensor) -> torch.Tensor:
    """Tukey's weights of residuals (N,) without unit; at least half of them are above 0."""
    return tukey_weights(apart / max(MAD_TO_SIGMA * float(apart.abs().median()), _ROUNDING))


def _moments(values: torch.Tensor, weights: torch.Tensor) -> tuple[float, float]:
    centre = (weights * values).sum()
    return float(centre), float((weights * (values - centre).square()).sum().sqrt())


def _is_explained(weights: torch.Tensor, log_scale: float) -> bool:
    believed = float((weights > 0.1).double().mean())
    return believed >= _FEWEST_BELIEVED and abs(log_scale) <= _WIDEST_LOG_SCALE
