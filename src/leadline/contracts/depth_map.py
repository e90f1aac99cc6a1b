# SPDX-License-Identifier: Apache-2.0
"""A depth value always carries its claim: the kinds of depth, their order of strength, and the map that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadline.contracts.camera import Camera


class DepthKind(Enum):
    """What the numbers of a depth map claim.

    z-depth is distance along the optical axis, never the length of the ray.  Near is *small* for depth kinds and
    *large* for disparity kinds.
    """

    METRIC = "metric"  # z-depth in metres
    SCALE_INVARIANT = "scale_invariant"  # z-depth up to one positive factor per image
    AFFINE_DEPTH = "affine_depth"  # z-depth up to factor and offset per image
    AFFINE_DISPARITY = "affine_disparity"  # 1 / z-depth up to factor and offset per image
    STEREO_DISPARITY = "stereo_disparity"  # pixels of a rectified pair; with its rig, metres

    @property
    def unit(self) -> str | None:
        """``"m"``, ``"px"`` or None where the numbers have no unit."""
        return {DepthKind.METRIC: "m", DepthKind.STEREO_DISPARITY: "px"}.get(self)

    @property
    def near_is_large(self) -> bool:
        """True for disparity kinds, whose values grow towards the camera."""
        return self in {DepthKind.AFFINE_DISPARITY, DepthKind.STEREO_DISPARITY}

    @property
    def has_free_offset(self) -> bool:
        """True where an offset of each map is free beside its factor; all other kinds are fitted by a factor alone."""
        return self in {DepthKind.AFFINE_DEPTH, DepthKind.AFFINE_DISPARITY}

    @property
    def in_true_units(self) -> bool:
        """True where nothing about the numbers is free: metres, or pixels of disparity."""
        return self.unit is not None

    @property
    def judged_as(self) -> frozenset[DepthKind]:
        """The claims under which a map of this kind may be scored: its own and every weaker one, never a stronger one."""
        return _JUDGED_AS[self]


_JUDGED_AS: dict[DepthKind, frozenset[DepthKind]] = {
    DepthKind.METRIC: frozenset(
        {DepthKind.METRIC, DepthKind.SCALE_INVARIANT, DepthKind.AFFINE_DEPTH, DepthKind.AFFINE_DISPARITY}
    ),
    DepthKind.SCALE_INVARIANT: frozenset({DepthKind.SCALE_INVARIANT, DepthKind.AFFINE_DEPTH, DepthKind.AFFINE_DISPARITY}),
    DepthKind.AFFINE_DEPTH: frozenset({DepthKind.AFFINE_DEPTH}),
    DepthKind.AFFINE_DISPARITY: frozenset({DepthKind.AFFINE_DISPARITY}),
    DepthKind.STEREO_DISPARITY: frozenset({DepthKind.STEREO_DISPARITY, DepthKind.AFFINE_DISPARITY}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthMap:
    """One depth map on the host, prediction or target.

    Attributes:
        values: (H, W) float32 in the unit of ``kind``; undefined where ``valid`` is false.
        valid: (H, W) bool, true where ``values`` means something.
        kind: the claim.
        camera: pinhole camera of the picture, where it is known.
        confidence: (H, W) float32 in [0, 1] where the head has one, else None.
        notes: how this one map was made, as plain JSON values, beyond what its predictor says of all its maps.
    """

    values: NDArray[np.float32]
    valid: NDArray[np.bool_]
    kind: DepthKind
    camera: Camera | None = None
    confidence: NDArray[np.float32] | None = None
    notes: Mapping[str, object] = field(default_factory=dict)

    @property
    def unit(self) -> str | None:
        """``"m"``, ``"px"`` or None, from ``kind``."""
        return self.kind.unit
