# SPDX-License-Identifier: Apache-2.0
"""Unlabelled pictures enter, strongly recoloured and blurred ones leave; nothing moves, so their labels still fit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as pixels

from leadline.contracts.errors import require

KERNEL_SIGMAS = 3  # a blur's kernel reaches so many sigmas to each side


@dataclass(frozen=True, kw_only=True, slots=True)
class StrongPerturbation:
    """Colour jitter, greyscale and blur, drawn for each picture.

    Depth Anything (arXiv 2401.10891) names jitter and blur without numbers; the defaults are those of UniMatch, its author's
    sibling project.

    Attributes:
        jitter_p, grey_p, blur_p: how often each happens.
        brightness, contrast, saturation: factors uniform in 1 - x .. 1 + x; the four kinds of jitter come in random order.
        hue: turns of the colour circle, uniform in -x .. x.
        blur_sigma_px: smallest and largest sigma.
        blur_kernel_px: width and height of the kernel, odd; None for one that fits ``blur_sigma_px``.
    """

    jitter_p: float = 0.8
    brightness: float = 0.5
    contrast: float = 0.5
    saturation: float = 0.5
    hue: float = 0.25
    grey_p: float = 0.2
    blur_p: float = 0.5
    blur_sigma_px: tuple[float, float] = (0.1, 2.0)
    blur_kernel_px: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        chances = (self.jitter_p, self.grey_p, self.blur_p, self.brightness, self.contrast, self.saturation)
        require(all(0 <= one <= 1 for one in chances), "chances and strengths in [0, 1]", chances, "e.g. 0.5")
        require(0 <= self.hue <= 0.5, "a hue of at most half a turn, in [0, 0.5]", self.hue, "e.g. 0.25")
        sigma = self.blur_sigma_px
        require(0 < sigma[0] <= sigma[1], "rising blur sigmas above 0 px", sigma, "e.g. 0.1 2.0")
        kernel = self.blur_kernel_px or (1, 1)
        require(all(one > 0 and one % 2 for one in kernel), "an odd blur kernel in px", kernel, "e.g. 5 9")

    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """(B,3,H,W) RGB float32 in [0, 1] -> the same shape and range.

        Every picture takes the same number of draws from the generator, which lives on the CPU.
        """
        return torch.stack([self._one(picture, generator) for picture in image])

    def _one(self, picture: Tensor, generator: torch.Generator) -> Tensor:
        draws = torch.rand(8, generator=generator, dtype=torch.float64).tolist()
        order = torch.randperm(4, generator=generator).tolist()
        if draws[0] < self.jitter_p:
            for kind in order:
                picture = self._jittered(picture, kind, 2 * draws[4 + kind] - 1)
        if draws[1] < self.grey_p:
            picture = pixels.rgb_to_grayscale(picture, num_output_channels=3)
        if draws[2] < self.blur_p:
            low, high = self.blur_sigma_px
            picture = self._blurred(picture, low + (high - low) * draws[3])
        return picture.clamp(0, 1)

    def _jittered(self, picture: Tensor, kind: int, way: float) -> Tensor:
        """One of four changes, ``way`` in [-1, 1] times its strength."""
        if kind == 0:
            return pixels.adjust_brightness(picture, 1 + way * self.brightness) if self.brightness else picture
        if kind == 1:
            return pixels.adjust_contrast(picture, 1 + way * self.contrast) if self.contrast else picture
        if kind == 2:
            return pixels.adjust_saturation(picture, 1 + way * self.saturation) if self.saturation else picture
        return pixels.adjust_hue(picture, way * self.hue) if self.hue else picture

    def _blurred(self, picture: Tensor, sigma_px: float) -> Tensor:
        reach = int(KERNEL_SIGMAS * sigma_px + 0.5)
        width, height = self.blur_kernel_px or (2 * reach + 1,) * 2
        # torchvision reflects at the border, which needs a picture larger than half the kernel
        fits = [
            min(kernel, 2 * side - 1)
            for kernel, side in zip((width, height), (picture.shape[2], picture.shape[1]), strict=True)
        ]
        blurred: Tensor = pixels.gaussian_blur(picture, kernel_size=fits, sigma=[sigma_px, sigma_px])
        return blurred


REFERENCE = StrongPerturbation(
    jitter_p=1.0,
    brightness=0.5,
    contrast=0.0,
    saturation=0.0,
    hue=0.3,
    grey_p=0.0,
    blur_p=1.0,
    blur_sigma_px=(5.0, 5.0),
    blur_kernel_px=(5, 9),
)
"""The V1 training reference's: brightness and hue, then a blur of 5x9 px with sigma 5, always."""
