# SPDX-License-Identifier: Apache-2.0
"""Mean and spread an encoder was trained with: images in [0, 1] enter, normalised images leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Normalisation:
    """Per-channel mean and standard deviation, RGB, for images in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def apply(self, images: Tensor) -> Tensor:
        """(image - mean) / std.  (..., 3, H, W) in [0, 1] -> same shape, dtype and device, no unit."""
        mean = images.new_tensor(self.mean).view(3, 1, 1)
        std = images.new_tensor(self.std).view(3, 1, 1)
        return (images - mean) / std


# The ImageNet statistics DINOv2, Depth Anything and most timm backbones were trained with.
IMAGENET = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
