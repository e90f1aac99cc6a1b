# SPDX-License-Identifier: Apache-2.0
"""A pinhole camera, which a sample has or a depth map knows; its pixels are those of ``leadline.contracts.sample``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """Pinhole camera.

    Attributes:
        matrix: (3, 3) or (B, 3, 3) float32, ``[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]`` in pixels, pixel centres at +0.5.
    """

    matrix: Tensor
