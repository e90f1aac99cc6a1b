# SPDX-License-Identifier: Apache-2.0
"""What turns a model's numbers into metres, and how it was found: a checked and frozen record that a model carries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from leadline.contracts.errors import UsageError, require
from leadline.models.requirements import correct, require_one_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Numbers = TypeVar("Numbers", "Tensor", "NDArray[np.float64]")
Space = Literal["disparity", "depth"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationEvidence:
    """On what a calibration rests and how good it is.  Relative errors are shares of the depth; None is unknown.

    Attributes:
        source: the file or dataset the known depths came from.
        pictures, points: how many.
        nearest_m, median_m, farthest_m: of the known depths, metres.
        scale_error, shift_error: standard errors, in the units of scale and shift.
        errors_by: what was taken for independent, ``"picture"`` or ``"point"``.
        relative_spread: robust standard deviation of one prediction's relative error after calibration.
        abs_rel: mean relative error at points that the fit did not see.
        held_out_by: what was left out at a time, ``"picture"`` or ``"point"``.
        relative_error_near, relative_error_median, relative_error_far: expected at the three depths above, from the
            errors of scale and shift and the spread together.
    """

    source: str
    pictures: int
    points: int
    nearest_m: float
    median_m: float
    farthest_m: float
    scale_error: float | None = None
    shift_error: float | None = None
    errors_by: str = "point"
    relative_spread: float = 0.0
    abs_rel: float | None = None
    held_out_by: str = "point"
    relative_error_near: float | None = None
    relative_error_median: float | None = None
    relative_error_far: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Metres from a model's own numbers x: ``1 / (scale * x + shift)`` for disparity, ``scale * x + shift`` for depth.

    Attributes:
        space: which of the two.
        scale: 1/m or m per unit of the model, above 0.
        shift: 1/m or m.
        max_depth_m: farthest depth that is said; a disparity that would be farther, or is not above 0, becomes this.
        evidence: where the numbers come from.
    """

    space: Space
    scale: float
    shift: float
    max_depth_m: float
    evidence: CalibrationEvidence

    def __post_init__(self) -> None:
        require_one_of(self.space, get_args(Space))
        require(0 < self.scale < math.inf, "a finite calibration scale above 0", self.scale, correct())
        require(math.isfinite(self.shift), "a finite calibration shift", self.shift, correct())
        require(0 < self.max_depth_m < math.inf, "a finite calibration max_depth_m above 0", self.max_depth_m, correct())

    def metres(self, values: Numbers) -> Numbers:
        """The model's own numbers, any shape -> metres; a depth that a shift takes to 0 or below is left so."""
        linear: Numbers = values * self.scale + self.shift
        return linear if self.space == "depth" else 1.0 / linear.clip(min=1.0 / self.max_depth_m)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Calibration:
        """The inverse of ``to_dict``; an unknown or missing name is a ``UsageError``."""
        try:
            evidence = dict(values.get("evidence", {}))
            _check_names(evidence, CalibrationEvidence)
            _check_names(values, Calibration)
            rest = {name: value for name, value in values.items() if name != "evidence"}
            return Calibration(**rest, evidence=CalibrationEvidence(**evidence))
        except (TypeError, AttributeError, ValueError) as error:
            raise UsageError(
                expected="numbers in the calibration of the model", got=str(error), remedy="calibrate it again"
            ) from error


_NEEDED = {"Calibration": {"space", "scale", "shift", "max_depth_m", "evidence"}}


def _check_names(values: Mapping[str, Any], owner: type[Calibration | CalibrationEvidence]) -> None:
    names = tuple(one.name for one in fields(owner))
    for name in values:
        require_one_of(name, names)
    needed = _NEEDED.get(owner.__name__, set(names[:6]))
    lacking = sorted(needed - set(values))
    require(not lacking, f"{', '.join(lacking)} in the calibration of the model", sorted(values), correct())
