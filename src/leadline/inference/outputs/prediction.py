# SPDX-License-Identifier: Apache-2.0
"""A depth map, its picture and its camera enter together; the one thing that every format is written from leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leadline.contracts.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from leadline.contracts.camera import Camera
    from leadline.contracts.depth_map import DepthMap


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """One picture with its depth.

    Attributes:
        depth: (H, W) map of any kind, in the unit of that kind.
        rgb: (H, W, 3) uint8 RGB, the picture itself.
        description: what made the map, JSON values; goes into the JSON file as it is.
        camera: pinhole, in pixels of the picture at its own size; None for the map's own camera, if any.
    """

    depth: DepthMap
    rgb: NDArray[np.uint8]
    description: Mapping[str, Any]
    camera: Camera | None = None

    def __post_init__(self) -> None:
        size = self.depth.values.shape
        if 0 in size or self.rgb.shape != (*size, 3):
            raise DataError(
                expected="a map of at least one pixel and an RGB picture of its size",
                got=f"a map of shape {size} and a picture of shape {self.rgb.shape}",
                remedy="give the picture that the map was predicted from",
            )
