# SPDX-License-Identifier: Apache-2.0
"""Pictures that can be found again: a seed enters, noise with coarse and fine grain leaves."""

import torch
from torch import Tensor
from torch.nn import functional


def grained(height: int, width: int, seed: int = 0) -> Tensor:
    """(H, W) float32 in [0, 1]; no two places alike, features of 3 to 12 px."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(height, width)
    for cell in (3, 6, 12):
        coarse = torch.rand(1, 1, height // cell + 2, width // cell + 2, generator=generator)
        total += functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)[0, 0]
    return ((total - total.min()) / (total.max() - total.min())).contiguous()


def colours(height: int, width: int, seed: int = 0) -> Tensor:
    """(3, H, W) in [0, 1], three different grains mixed with one they share."""
    shared = grained(height, width, seed)
    return torch.stack([0.7 * shared + 0.3 * grained(height, width, 10 * seed + channel) for channel in (1, 2, 3)])


def seen_at(wide: Tensor, *, disparity_px: int, height: int, width: int, margin: int = 40) -> Tensor:
    """The window of a (..., H, W + 2 margin) texture that a camera sees ``disparity_px`` further right."""
    start = margin + disparity_px
    return wide[..., :height, start : start + width]
