# SPDX-License-Identifier: Apache-2.0
"""A stereo network that is a formula: one eye reads disparity off a colour, two eyes compare rows of pictures."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from leadline.geometry.levels import expected_disparity, exponential_levels
from leadline.geometry.warp import warp_by_disparity
from leadline.models.stereo.config import StereoModelConfig
from leadline.models.stereo.stereo_model import StereoVolumes

GREATEST_PX = 64.0


class FormulaModel(nn.Module):
    """What ``StereoModel`` promises, with numbers that are known.

    ``mono`` says 64 px times the red channel, ``refined`` 64 px times the green one, each nearly one-hot, so that only
    rounding to the levels, which lie a hundredth apart, is between that and what comes out.  ``stereo`` scores a level by
    how little the views differ there over ``side`` x ``side`` pixels.
    """

    def __init__(self, config: StereoModelConfig | None = None, *, count: int = 400, side: int = 9) -> None:
        super().__init__()
        self.config = config or StereoModelConfig()
        self.side = side
        self.seen: list[tuple[int, ...]] = []
        self.levels_px: Tensor
        self.register_buffer("levels_px", exponential_levels(count, least_px=0.5, greatest_px=GREATEST_PX))

    def features(self, image: Tensor) -> tuple[Tensor, ...]:
        self.seen.append(tuple(image.shape[2:]))
        return (image,)

    def mono(self, features: tuple[Tensor, ...], _size: tuple[int, int]) -> Tensor:
        return self._peak(GREATEST_PX * features[0][:, 0])

    def refined(self, features: tuple[Tensor, ...], _size: tuple[int, int]) -> Tensor:
        return self._peak(GREATEST_PX * features[0][:, 1])

    def stereo(
        self, target: tuple[Tensor, ...], other: tuple[Tensor, ...], _size: tuple[int, int], *, direction: int
    ) -> StereoVolumes:
        return StereoVolumes(
            target_logits=self._scores(target[0], other[0], direction),
            other_logits=self._scores(other[0], target[0], -direction),
            target_costs=(),
            other_costs=(),
        )

    def disparity_px(self, logits: Tensor) -> Tensor:
        return expected_disparity(logits.float().softmax(dim=1), self.levels_px)

    def _peak(self, disparity_px: Tensor) -> Tensor:
        apart = self.levels_px.log()[None, :, None, None] - disparity_px.clamp(min=0.5).log()[:, None]
        return -1e6 * apart.square()

    def _scores(self, target: Tensor, other: Tensor, direction: int) -> Tensor:
        planes = []
        for level in self.levels_px:
            shifted = warp_by_disparity(other, torch.full_like(target[:, 0], level.item()), direction=direction)
            apart = (shifted - target).abs().mean(dim=1, keepdim=True)
            planes.append(functional.avg_pool2d(apart, self.side, 1, self.side // 2))
        return -200.0 * torch.cat(planes, dim=1)
