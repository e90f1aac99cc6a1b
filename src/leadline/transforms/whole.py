# SPDX-License-Identifier: Apache-2.0
"""A sample of any size enters, nearly all of it leaves: no larger than asked, with sides that a network divides evenly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadline.contracts.errors import require
from leadline.transforms.spatial import CentreCrop, resize_sample

if TYPE_CHECKING:
    import torch

    from leadline.contracts.sample import Sample


@dataclass(frozen=True, slots=True)
class Whole:
    """Make larger pictures smaller, then cut what a multiple leaves over evenly from both ends; aspect and pixels stay true.

    Args:
        longest_px: no side is longer; smaller pictures are not enlarged.
        multiple: sides become multiples of it, rounded down; a side that is shorter than it stays.

    Raises:
        UsageError: not one pixel, or a picture of ``longest_px`` would not hold one multiple.
    """

    longest_px: int
    multiple: int

    def __post_init__(self) -> None:
        """Refuse a limit below the multiple."""
        sides = (self.longest_px, self.multiple)
        require(
            self.longest_px >= self.multiple >= 1,
            "a longest side of at least the encoder's stride or patch",
            sides,
            "raise --max-img-size",
        )

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) in pixels that a picture of this size leaves with.

        >>> Whole(1500, 32).size(720, 1280), Whole(1024, 32).size(720, 1280), Whole(640, 32).size(720, 1280)
        ((704, 1280), (576, 1024), (352, 640))
        """
        height, width = self._scaled(height, width)
        return self._cut(height), self._cut(width)

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        """Image (3, H, W) in [0, 1] -> (3, h, w), depth (h, w) in its unit; nothing is drawn at random."""
        height, width = sample.image.shape[1:]
        wanted = self.size(height, width)
        return CentreCrop(*wanted)(resize_sample(sample, *self._scaled(height, width)), generator)

    def _scaled(self, height: int, width: int) -> tuple[int, int]:
        longest = max(height, width)
        if longest <= self.longest_px:
            return height, width
        return max(1, height * self.longest_px // longest), max(1, width * self.longest_px // longest)

    def _cut(self, side: int) -> int:
        return side // self.multiple * self.multiple or side
