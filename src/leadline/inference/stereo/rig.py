# SPDX-License-Identifier: Apache-2.0
"""What a user knows of a pair of cameras enters; the two numbers that turn pixels of disparity into metres leave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadline.contracts.camera import Camera
from leadline.contracts.errors import require
from leadline.geometry.camera import pinhole_matrix

if TYPE_CHECKING:
    from leadline.models.stereo.config import TrainingRig


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownRig:
    """Two rectified cameras, as far as they are known; what is None is unknown.

    Attributes:
        baseline_m: distance of the two optical centres.
        camera: of the left picture, in pixels of the picture at its own size; the right one has the same focal length.
        field_of_view_deg: across the picture, where there is no ``camera``: square pixels, principal point in the middle.
    """

    baseline_m: float | None = None
    camera: Camera | None = None
    field_of_view_deg: float | None = None

    def __post_init__(self) -> None:
        if self.baseline_m is not None:
            far = math.isfinite(self.baseline_m) and self.baseline_m > 0
            require(far, "a baseline above 0 metres", self.baseline_m, "give the distance of the two cameras in metres")
        both = self.camera is not None and self.field_of_view_deg is not None
        require(not both, "a camera or a field of view", "both", "leave one out")

    def camera_of(self, height: int, width: int) -> Camera | None:
        """The camera of a left picture of this size in pixels, or None where it is unknown."""
        if self.field_of_view_deg is None:
            return self.camera
        return Camera(matrix=pinhole_matrix(height, width, field_of_view_deg=self.field_of_view_deg))


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """How metres follow from disparity: depth_m = focal_px * baseline_m / disparity_px, both in the picture's own pixels.

    Attributes:
        baseline_m: of the pair that was seen, or for one eye of the pairs it learnt from.
        focal_px: horizontal focal length of the picture.
    """

    baseline_m: float
    focal_px: float


def pair_scale(rig: KnownRig | None, size: tuple[int, int]) -> Scale | None:
    """The scale of disparities measured between two pictures of ``size`` (height, width); None unless all is known."""
    camera = None if rig is None else rig.camera_of(*size)
    if rig is None or rig.baseline_m is None or camera is None:
        return None
    return Scale(baseline_m=rig.baseline_m, focal_px=float(camera.matrix[0, 0]))


def eye_scale(rig: KnownRig | None, trained: TrainingRig | None, size: tuple[int, int]) -> Scale | None:
    """The scale of disparities that one eye believes in, for a picture of ``size`` (height, width); None without a baseline.

    A network with one eye learnt that a thing of so many metres, which looks so many pixels large, has so many pixels of
    disparity *between its own training cameras*.  The baseline is therefore theirs, whatever cameras the picture is of; the
    focal length is the picture's own.  Where that is unknown, the picture is taken to see as much as the training pictures.

    Args:
        rig: what the user knows; its baseline counts only where the model recorded none.
        trained: what the model recorded of its training pictures, or None.
        size: in pixels.
    """
    camera = None if rig is None else rig.camera_of(*size)
    if trained is None:
        return pair_scale(rig, size)
    focal_px = trained.focal_px / trained.width_px * size[1] if camera is None else float(camera.matrix[0, 0])
    return Scale(baseline_m=trained.baseline_m, focal_px=focal_px)
