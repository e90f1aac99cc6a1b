# SPDX-License-Identifier: Apache-2.0
"""Light and colour change, geometry does not: a Sample enters, a Sample with a differently exposed image leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.contracts.sample import Sample


@dataclass(frozen=True, slots=True)
class ColourJitter:
    """ZoeDepth's colour augmentation: ``clip(image ** gamma * brightness * (r, g, b))``, each factor uniform in its range.

    The defaults are those for NYU (Bhat et al. 2023, released data loader; KITTI narrows brightness to 0.9..1.1).  Both
    views of a pair, and all neighbours, change alike, because a photometric loss compares them.
    """

    p: float = 0.5
    gamma: tuple[float, float] = (0.9, 1.1)
    brightness: tuple[float, float] = (0.75, 1.25)
    channel: tuple[float, float] = (0.9, 1.1)

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        """Image (3, H, W) float32 in [0, 1] -> the same shape and range, companions too; nothing else changes."""
        draws = torch.rand(6, generator=generator, dtype=torch.float64)
        if float(draws[0]) >= self.p:
            return sample
        gamma = _between(self.gamma, draws[1])
        gain = (_between(self.brightness, draws[2]) * _between(self.channel, draws[3:])).to(torch.float32)[:, None, None]
        stereo, neighbours = sample.stereo, sample.neighbours
        if neighbours is not None:
            neighbours = replace(neighbours, image=_exposed(neighbours.image, float(gamma), gain))
        if stereo is not None:
            stereo = replace(stereo, image=_exposed(stereo.image, float(gamma), gain))
        return replace(sample, image=_exposed(sample.image, float(gamma), gain), stereo=stereo, neighbours=neighbours)


def _between(limits: tuple[float, float], draw: Tensor) -> Tensor:
    low, high = limits
    return low + (high - low) * draw


def _exposed(image: Tensor, gamma: float, gain: Tensor) -> Tensor:
    powered = image.log2().mul_(gamma).exp2_()  # image ** gamma, twice as fast as pow; 0 passes through -inf to 0
    return powered.mul_(gain).clamp_(0.0, 1.0)
