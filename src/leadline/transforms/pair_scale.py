# SPDX-License-Identifier: Apache-2.0
"""Random size for the training of pairs: a Sample enters, one at a random multiple of a fixed size leaves, rig and all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from leadline.contracts.errors import require
from leadline.transforms.spatial import resize_sample

if TYPE_CHECKING:
    from leadline.contracts.sample import Sample


@dataclass(frozen=True, slots=True)
class RandomScale:
    """Resize to ``s`` times this size, aspect not kept, with one ``s`` per sample uniform in ``scale``.

    Everything measured in pixels moves along: disparities and focal lengths are multiplied by the change of width, so that
    focal length times baseline over disparity stays the same metres.  (TiO-Depth keeps the focal length and lets the scene
    come nearer instead; disparities, and thus what is learnt, are equal.)  A ``RandomCrop`` to ``least_size`` or smaller
    follows.

    Attributes:
        height, width: size at ``s = 1``, pixels; 384 x 1280 in TiO-Depth's published run.
        scale: (least, greatest) ``s``; 0.75 to 1.5 in the same run.
    """

    height: int
    width: int
    scale: tuple[float, float] = (0.75, 1.5)

    def __post_init__(self) -> None:
        """Refuse what is no size."""
        low, high = self.scale
        require(0 < low <= high, "a rising range of scales above 0", self.scale, "e.g. 0.75 1.5")
        require(min(self.least_size) >= 1, "a size of at least 1x1 at the least scale", self.least_size, "enlarge it")

    @property
    def least_size(self) -> tuple[int, int]:
        """(height, width) in pixels of the smallest picture that can leave; no crop may be larger."""
        return round(self.height * self.scale[0]), round(self.width * self.scale[0])

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        """Image (3, H, W) in [0, 1] -> (3, round(s * height), round(s * width)); takes one draw."""
        low, high = self.scale
        factor = low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))
        return resize_sample(sample, round(self.height * factor), round(self.width * factor))
