# SPDX-License-Identifier: Apache-2.0
"""What a head says and a calibration enter; the same in metres leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leadline.models.heads.metric_bins import BinsOutput
from leadline.models.heads.precision import at_least_float32

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.models.calibration import Calibration


def calibrated(said: BinsOutput | Tensor, calibration: Calibration) -> BinsOutput | Tensor:
    """(B,H,W) of a head in its own kind, or its bins -> the same, at least float32, in metres.

    Disparity is capped at ``max_depth_m``.  Depth is not: with a shift below 0 it may fall to 0 or below, which is no depth
    and is marked so by the predictor.
    """
    if isinstance(said, BinsOutput):  # a mean of centres moves with the centres
        centers_m = calibration.metres(said.coarse_centers_m)
        return replace(said, depth_m=calibration.metres(said.depth_m), coarse_centers_m=centers_m)
    return calibration.metres(at_least_float32(said))
