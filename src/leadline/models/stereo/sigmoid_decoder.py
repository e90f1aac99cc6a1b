# SPDX-License-Identifier: Apache-2.0
"""Four maps of an encoder enter; four maps of a sigmoid, from full size to an eighth of it, and the depth they mean leave.

The depth decoder of monodepth2 (Godard et al. 2019, arXiv 1806.01260): at each step a convolution, an enlargement by
repetition, the encoder's map of that size and another convolution, each reflected at the border and followed by an ELU.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from leadline.contracts.errors import ContractError
from leadline.geometry.multiples import ceil_division

SCALES: Final = 4
"""Maps handed out: at full size, 1/2, 1/4 and 1/8."""
LEAST_DEPTH: Final = 0.1
GREATEST_DEPTH: Final = 100.0
"""What 1 and 0 of the sigmoid mean, in metres where the scale is known (monodepth2's)."""
_WIDTHS = {1: 16, 2: 32, 4: 64, 8: 128}
_COARSE_WIDTH = 256


def sigmoid_inverse_depth(sigmoid: Tensor, *, least: float = LEAST_DEPTH, greatest: float = GREATEST_DEPTH) -> Tensor:
    """Values in [0, 1] -> inverse depth between 1 / greatest and 1 / least, linearly; (...) stays.

    Args:
        sigmoid: (...), no unit.
        least, greatest: depths in metres, or in the unknown unit of a network that saw one eye only.

    >>> sigmoid_inverse_depth(torch.tensor([0.0, 1.0])).tolist()
    [0.009999999776482582, 10.0]
    """
    return 1 / greatest + (1 / least - 1 / greatest) * sigmoid


def sigmoid_depth(sigmoid: Tensor, *, least: float = LEAST_DEPTH, greatest: float = GREATEST_DEPTH) -> Tensor:
    """Values in [0, 1] -> depth between ``greatest`` and ``least``, (...) stays; see ``sigmoid_inverse_depth``.

    >>> round(sigmoid_depth(torch.tensor(1.0)).item(), 3)
    0.1
    """
    return 1 / sigmoid_inverse_depth(sigmoid, least=least, greatest=greatest)


class SigmoidDecoder(nn.Module):
    """Monodepth2's decoder over four maps of any strides.

    Args:
        channels: of the encoder's maps, fine to coarse.
        finest_stride: input pixels per pixel of the finest map, e.g. 2, 4 or 3.5.

    Raises:
        ContractError: fewer than two maps, or a finest stride of 1 or less.
    """

    def __init__(self, channels: tuple[int, ...], *, finest_stride: float) -> None:
        super().__init__()
        if len(channels) < 2 or finest_stride <= 1:
            raise ContractError(
                expected="at least two maps, the finest smaller than the picture",
                got=f"{len(channels)} maps, finest stride {finest_stride:g}",
                remedy="choose another encoder",
            )
        self.halvings = max(1, round(math.log2(finest_stride)))
        skips = (*reversed(channels[:-1]), *(0,) * self.halvings)
        strides = [2 ** (len(skips) - 1 - step) for step in range(len(skips))]
        widths = [_WIDTHS.get(stride, _COARSE_WIDTH) for stride in strides]
        before = (channels[-1], *widths[:-1])
        self.shrinking = nn.ModuleList(_convolution(a, b) for a, b in zip(before, widths, strict=True))
        self.joining = nn.ModuleList(_convolution(b + skip, b) for b, skip in zip(widths, skips, strict=True))
        self.outputs = nn.ModuleList(_reflected(width, 1) for width in widths[-SCALES:])

    def start_at(self, depth: float) -> None:
        """Let random weights speak of about this depth, in the unit of ``sigmoid_depth``; by themselves they say 0.2."""
        share = (1 / depth - 1 / GREATEST_DEPTH) / (1 / LEAST_DEPTH - 1 / GREATEST_DEPTH)
        with torch.no_grad():
            for output in self.outputs:
                output.get_parameter("bias").fill_(math.log(share / (1 - share)))

    def forward(self, features: tuple[Tensor, ...], size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Maps (B,C_i,h_i,w_i), fine to coarse, of pictures of ``size`` (H, W) -> sigmoid maps, full size first.

        Returns:
            (B,H,W), (B,H/2,W/2), (B,H/4,W/4), (B,H/8,W/8) in (0, 1), float32; sizes that do not divide are rounded up, and
            where the encoder has a map of that level, they are the map's.
        """
        x, skips, said = features[-1], list(reversed(features[:-1])), []
        last = len(self.shrinking)
        for step, (shrink, join) in enumerate(zip(self.shrinking, self.joining, strict=True)):
            skip = skips[step] if step < len(skips) else None
            factor = 2 ** (last - 1 - step)
            there = skip.shape[-2:] if skip is not None else (ceil_division(size[0], factor), ceil_division(size[1], factor))
            x = functional.interpolate(shrink(x), size=tuple(there), mode="nearest")
            x = join(x if skip is None else torch.cat([x, skip], dim=1))
            if last - step <= len(self.outputs):
                output = self.outputs[step - last + len(self.outputs)]
                said.append(torch.sigmoid(output(x).float()[:, 0]))
        return tuple(reversed(said))


def _reflected(inward: int, outward: int) -> nn.Conv2d:
    return nn.Conv2d(inward, outward, kernel_size=3, padding=1, padding_mode="reflect")


def _convolution(inward: int, outward: int) -> nn.Sequential:
    return nn.Sequential(_reflected(inward, outward), nn.ELU(inplace=True))
