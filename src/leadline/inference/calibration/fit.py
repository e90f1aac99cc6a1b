# SPDX-License-Identifier: Apache-2.0
"""Predictions where the depth is known enter; the calibration that turns a model's numbers into metres leaves, with doubts.

The fit minimises relative errors of depth, so that near and far count alike, under Huber's loss
(``leadline.geometry.robust_fit``): a plain fit of ``scale x + shift`` to 1 / z for disparity x, to z for depth, and then one
whose rows are divided by what the plain one says there.  Divided by the known depth itself, a wrong depth would pull with
its own weight.
What is reported beside it: standard errors (the sandwich, by picture where there are at least five, for points of one
picture err together); the relative error to expect near, in the middle and far; and the mean relative error at points that
a fit without them predicts, whole pictures being left out where there are several.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, DataError
from leadline.geometry.robust_fit import RobustFit, coefficient_covariance, fit_robust
from leadline.models.calibration import Calibration, CalibrationEvidence

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.inference.calibration.observations import Observations
    from leadline.models.calibration import Space
    from leadline.models.depth_model import DepthModel

_SPACES: dict[DepthKind, Space] = {
    DepthKind.METRIC: "depth",
    DepthKind.SCALE_INVARIANT: "depth",
    DepthKind.AFFINE_DEPTH: "depth",
    DepthKind.AFFINE_DISPARITY: "disparity",
}
_LEAST_DEPTH_RATIO = 1.1  # of the farthest known depth to the nearest: below, a shift cannot be told from a scale
_PICTURES_FOR_ERRORS = 5  # the sandwich over fewer groups is too optimistic
_MOST_FOLDS = 20
_FAR_FACTOR = 4.0
_BELIEVED = 0.3  # Huber's weight at 4.5 times the spread of the residuals
_UNSURE = 0.2  # standard error of the scale beyond which a warning is due


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationSettings:
    """How to fit."""

    with_shift: bool = False
    """Fit a shift for kinds that claim none (metric, scale-invariant) too; affine kinds always have one."""
    max_depth_m: float | None = None
    """Farthest depth that a calibrated disparity may say; None takes four times the farthest known depth."""
    source: str = "points in memory"
    """Where the known depths come from, for the record."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibrated:
    """A calibration, and sentences about where it should not be trusted."""

    calibration: Calibration
    warnings: tuple[str, ...]


def calibrate(seen: Observations, settings: CalibrationSettings) -> Calibrated:
    """Fit, doubt and check.

    Raises:
        ContractError: the model's kind cannot be calibrated so (stereo disparity has its rig).
        DataError: fewer points than unknowns and one more; all at one depth; predictions that do not vary, or that grow
            where the known depths say the opposite.
    """
    if seen.kind not in _SPACES:
        raise ContractError(
            expected=f"a model of kind {', '.join(kind.value for kind in _SPACES)}",
            got=seen.kind.value,
            remedy="give its stereo rig instead; a calibration is for single pictures",
        )
    space = _SPACES[seen.kind]
    with_shift = settings.with_shift or seen.kind.has_free_offset
    _refuse_degenerate(seen, with_shift=with_shift)
    rows = _rows(seen, space, with_shift=with_shift)
    fit = fit_robust(design_NP=rows.design, target_N=rows.target)
    scale, shift = _coefficients(fit)
    if not scale > 0:
        raise DataError(
            expected="predictions that grow as the known depths say",
            got=f"a scale of {scale:.3g}: where the points say nearer, the model says farther",
            remedy="check that x, y and depth_m belong to the pictures named",
        )
    start = _bare_evidence(seen, fit, settings.source)
    max_depth_m = settings.max_depth_m or _FAR_FACTOR * start.farthest_m
    bare = Calibration(space=space, scale=scale, shift=shift, max_depth_m=max_depth_m, evidence=start)
    evidence = _evidence(seen, bare, fit, rows)
    found = replace(bare, evidence=evidence)
    return Calibrated(calibration=found, warnings=tuple(_warnings(seen, found)))


def with_calibration(model: DepthModel, calibration: Calibration | None) -> DepthModel:
    """The same network and tensors under another calibration, or under none; the model given stays as it is."""
    other = copy.copy(model)
    other.config = replace(model.config, calibration=calibration)
    return other


def _refuse_degenerate(seen: Observations, *, with_shift: bool) -> None:
    fewest = 3 if with_shift else 2
    if len(seen.predicted) < fewest:
        raise DataError(
            expected=f"at least {fewest} known depths for {'scale and shift' if with_shift else 'a scale'} and a doubt",
            got=f"{len(seen.predicted)}",
            remedy="measure more points, near and far",
        )
    nearest, farthest = float(seen.depth_m.min()), float(seen.depth_m.max())
    if with_shift and farthest < _LEAST_DEPTH_RATIO * nearest:
        raise DataError(
            expected=f"known depths that differ by at least {_LEAST_DEPTH_RATIO - 1:.0%}, to tell scale from shift",
            got=f"{len(seen.depth_m)} points from {nearest:.3g} to {farthest:.3g} m",
            remedy="add points that are nearer or farther",
        )
    if with_shift and float(np.ptp(seen.predicted)) <= 1e-6 * float(np.abs(seen.predicted).max()):
        raise DataError(
            expected="predictions that differ where the known depths do",
            got=f"{seen.predicted[0]:.4g} at every point",
            remedy="check the model and the pictures",
        )
    if not with_shift and not bool((seen.predicted > 0).any()):
        raise DataError(expected="depths above 0 at the known points", got="none", remedy="check the model")


@dataclass(frozen=True, slots=True)
class _Rows:
    """(N, 1 or 2) rows whose product with (scale, shift) should be the (N,) target, in relative units of depth."""

    design: Tensor
    target: Tensor


def _rows(seen: Observations, space: Space, *, with_shift: bool) -> _Rows:
    x, z = torch.from_numpy(seen.predicted), torch.from_numpy(seen.depth_m)
    design = torch.stack([x, torch.ones_like(x)], 1) if with_shift else x[:, None]
    target = 1.0 / z if space == "disparity" else z
    said = design @ fit_robust(design_NP=design, target_N=target).coefficients
    # What the plain fit says is bounded, for where it says nothing sensible a row would count for nothing or for all.
    typical = float(target.median())
    said = said.clamp(min=typical / _FAR_FACTOR, max=typical * _FAR_FACTOR)
    return _Rows(design / said[:, None], target / said)


def _coefficients(fit: RobustFit) -> tuple[float, float]:
    scale, shift = [*fit.coefficients.tolist(), 0.0][:2]
    return scale, shift


def _bare_evidence(seen: Observations, fit: RobustFit, source: str) -> CalibrationEvidence:
    """What was seen; the nearest and the farthest depth are of points that the fit believes."""
    believed = seen.depth_m[(fit.weights >= _BELIEVED).numpy()]
    return CalibrationEvidence(
        source=source,
        pictures=int(seen.picture.max()) + 1,
        points=len(seen.predicted),
        nearest_m=float(believed.min()),
        median_m=float(np.median(believed)),
        farthest_m=float(believed.max()),
    )


def _evidence(seen: Observations, bare: Calibration, fit: RobustFit, rows: _Rows) -> CalibrationEvidence:
    start = bare.evidence
    by_picture = start.pictures >= _PICTURES_FOR_ERRORS
    groups = torch.from_numpy(seen.picture) if by_picture else torch.arange(start.points)
    covariance = coefficient_covariance(fit, rows.design, groups)
    abs_rel, held_out_by = _held_out(seen, bare, rows)
    evidence = replace(
        start,
        errors_by="picture" if by_picture else "point",
        relative_spread=fit.spread,
        abs_rel=abs_rel,
        held_out_by=held_out_by,
    )
    if covariance is None:
        return evidence
    errors = [*covariance.diagonal().clamp(min=0).sqrt().tolist(), 0.0][:2]
    near, median, far = (
        _expected_error(bare, covariance, fit.spread, z) for z in (start.nearest_m, start.median_m, start.farthest_m)
    )
    return replace(
        evidence,
        scale_error=errors[0],
        shift_error=errors[1],
        relative_error_near=near,
        relative_error_median=median,
        relative_error_far=far,
    )


def _expected_error(calibration: Calibration, covariance: Tensor, spread: float, depth_m: float) -> float:
    """Relative error to expect of one prediction at a depth: of the coefficients, and of the prediction itself."""
    said, weight = (1.0 / depth_m, depth_m) if calibration.space == "disparity" else (depth_m, 1.0 / depth_m)
    row = torch.tensor([(said - calibration.shift) / calibration.scale, 1.0], dtype=torch.float64)[: len(covariance)]
    return math.sqrt(max(float(row @ covariance @ row), 0.0) * weight**2 + spread**2)


def _held_out(seen: Observations, bare: Calibration, rows: _Rows) -> tuple[float | None, str]:
    """Mean relative error at points left out of the fit, and what was left out at a time; None where no fit is left."""
    by_picture = bare.evidence.pictures > 1
    group = seen.picture if by_picture else np.arange(len(seen.predicted))
    errors: list[NDArray[np.float64]] = []
    for out in _folds(group):
        kept = torch.from_numpy(~out)
        if int(kept.sum()) < rows.design.shape[1]:
            continue
        scale, shift = _coefficients(fit_robust(design_NP=rows.design[kept], target_N=rows.target[kept]))
        if scale > 0:
            said = replace(bare, scale=scale, shift=shift).metres(seen.predicted[out])
            errors.append(np.abs(said / seen.depth_m[out] - 1.0))
    return float(np.concatenate(errors).mean()) if errors else None, "picture" if by_picture else "point"


def _folds(group: NDArray[np.int64]) -> Iterable[NDArray[np.bool_]]:
    """Masks of what is left out: each group by itself, or where there are many, twenty shares of the groups."""
    folds = min(int(group.max()) + 1, _MOST_FOLDS)
    return (group % folds == one for one in range(folds))


def _warnings(seen: Observations, found: Calibration) -> Iterable[str]:
    evidence = found.evidence
    if evidence.scale_error is None:
        yield "there are too few points to say how uncertain scale and shift are"
    elif evidence.scale_error > _UNSURE * found.scale:
        yield f"the scale is known to {evidence.scale_error / found.scale:.0%} only: add points, nearer and farther ones"
    if evidence.pictures == 1 and seen.kind.has_free_offset:
        yield "all points are of one picture, and a relative model has another scale and shift in each: check it on others"
    if found.space == "disparity":
        linear = found.scale * np.concatenate([seen.predicted, seen.elsewhere]) + found.shift
        lost = float((linear <= 0).mean())
        if lost:
            yield f"disparity is 0 or less at {lost:.1%} of these pictures' pixels, which become {found.max_depth_m:.3g} m"
        elif found.shift <= 0:
            least = -found.shift / found.scale
            yield f"a disparity below {least:.3g} would be 0 or less; it becomes {found.max_depth_m:.3g} m"
    elif found.shift < 0:
        yield f"predictions below {-found.shift / found.scale:.3g} m have no depth left and become invalid"
