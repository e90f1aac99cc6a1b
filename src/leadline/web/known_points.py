# SPDX-License-Identifier: Apache-2.0
"""Clicked pixels with their distances and a shown depth enter; the same picture in metres leaves, with its doubts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError
from leadline.inference.calibration.fit import Calibrated, CalibrationSettings, calibrate
from leadline.inference.calibration.observations import Observations
from leadline.inference.clips.grid import sampled
from leadline.models.calibration import Calibration
from leadline.web.shown_depth import ShownDepth


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownPoint:
    """One pixel whose depth is known.

    Attributes:
        x_px, y_px: column and row from 0 at the upper left of the upright picture.
        depth_m: z-depth in metres: along the optical axis, not along the ray.
    """

    x_px: int
    y_px: int
    depth_m: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.depth_m) and 0 < self.depth_m <= 10_000):
            raise DataError(
                expected="a distance above 0 and of at most 10000 m",
                got=f"{self.depth_m:g}",
                remedy="type the metres from the camera to that place",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibratedOnPage:
    """The picture in metres, what brought it there, and sentences for the user: the fit first, then its warnings."""

    shown: ShownDepth
    calibration: Calibration
    sentences: tuple[str, ...]


def calibrate_shown(shown: ShownDepth, points: Sequence[KnownPoint]) -> CalibratedOnPage:
    """Fit the model's own map of this one picture to the points, robustly (``leadline.inference.calibration.fit``).

    Raises:
        DataError: a point outside or where the model has no number; too few points, all at one depth, or against the map.
        ContractError: a kind that points cannot calibrate.
    """
    found = calibrate(_observed(shown.predicted, points), CalibrationSettings(source="points clicked on the page"))
    values = found.calibration.metres(np.where(shown.predicted.valid, shown.predicted.values, 0.0).astype(np.float64))
    valid = shown.predicted.valid & np.isfinite(values) & (values > 0)
    depth = DepthMap(
        values=values.astype(np.float32),
        valid=valid,
        kind=DepthKind.METRIC,
        confidence=shown.predicted.confidence,
        notes=shown.predicted.notes,
    )
    description = {**shown.description, "kind": "metric", "unit": "m", "page_calibration": found.calibration.to_dict()}
    return CalibratedOnPage(
        shown=replace(shown, depth=depth, description=description),
        calibration=found.calibration,
        sentences=(_said(found), *found.warnings),
    )


def _observed(predicted: DepthMap, points: Sequence[KnownPoint]) -> Observations:
    height, width = predicted.values.shape
    for point in points:
        inside = 0 <= point.x_px < width and 0 <= point.y_px < height
        if not (inside and predicted.valid[point.y_px, point.x_px]):
            raise DataError(
                expected="points where the model has a number",
                got=f"none at x {point.x_px}, y {point.y_px}",
                remedy="remove that point",
            )
    columns, rows = (np.array([getattr(point, name) for point in points], np.intp) for name in ("x_px", "y_px"))
    cells, seen = sampled(predicted)
    return Observations(
        kind=predicted.kind,
        predicted=predicted.values[rows, columns].astype(np.float64),
        depth_m=np.array([point.depth_m for point in points], np.float64),
        picture=np.zeros(len(points), np.int64),
        elsewhere=cells[seen].astype(np.float64),
    )


def _said(found: Calibrated) -> str:
    evidence = found.calibration.evidence
    span = f"{evidence.points} points from {evidence.nearest_m:.3g} to {evidence.farthest_m:.3g} m"
    if evidence.abs_rel is None:
        return f"metres from {span}; too few to say how well"
    return f"metres from {span}; a point left out of the fit is missed by {evidence.abs_rel:.1%} on average"
