# SPDX-License-Identifier: Apache-2.0
"""Features of two views enter; the target's, enriched by how each pixel fits the other view at each disparity, leave.

Monocular feature matching of TiO-Depth (Zhou & Dong 2023, arXiv 2309.00933), by row correlation instead of moved copies.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leadline.models.stereo.aggregation import ReflectConv
from leadline.models.stereo.correlation import row_correlation

_QUERY_SHARE, _SQUEEZE_SHARE = 4, 16  # of the channels
_GATE_AT_FIRST = 2.0  # 1 / sigmoid(0)


class ChannelGate(nn.Module):
    """Squeeze and excitation (Hu et al. 2018, arXiv 1709.01507) without biases: channels weighed by the means of all."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = max(1, channels // _SQUEEZE_SHARE)
        self.weigh = nn.Sequential(
            nn.Linear(channels, squeezed, bias=False), nn.ReLU(), nn.Linear(squeezed, channels, bias=False), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,h,w) -> (B,C,h,w), no unit."""
        weights: Tensor = self.weigh(x.mean(dim=(2, 3)))
        return x * weights[:, :, None, None]


def pass_through(blend: nn.Conv2d, channels: int) -> None:
    """Let a convolution (C + N to C channels) begin by handing on its first C, doubled, for the gate behind halves them.

    So two eyes begin where one eye is, and learn what the second adds.
    """
    with torch.no_grad():
        blend.weight[:, :channels] = 0
        middle = blend.kernel_size[0] // 2
        blend.weight[torch.arange(channels), torch.arange(channels), middle, middle] = _GATE_AT_FIRST
        if blend.bias is not None:
            blend.bias.zero_()


class FeatureMatching(nn.Module):
    """One comparison of two views.

    Args:
        channels: width of both feature maps.
        levels_px: disparity levels in pixels of the network's input.
        parity: shift by (w - 1) / w of what is meant, and mix the shares of the levels as they are, as the released
            TiO-Depth does.
    """

    def __init__(self, channels: int, levels_px: tuple[float, ...], *, parity: bool) -> None:
        super().__init__()
        self.levels_px, self.parity = levels_px, parity
        self.query = nn.Conv2d(channels, channels // _QUERY_SHARE, kernel_size=1)
        self.key = nn.Conv2d(channels, channels // _QUERY_SHARE, kernel_size=1)
        blend = ReflectConv(channels + len(levels_px), channels)
        if not parity:
            pass_through(blend, channels)
        self.fuse = nn.Sequential(blend, ChannelGate(channels), nn.ELU(inplace=True))

    def forward(self, *, target: Tensor, other: Tensor, width_px: int, direction: int) -> tuple[Tensor, Tensor]:
        """Compare.

        Args:
            target, other: (B,C,h,w) features of both views, no unit.
            width_px: W, of the image that the maps belong to.
            direction: +1 where the target is the left view, -1 where it is the right.

        Returns:
            (B,C,h,w) enriched features of the target, and the (B,N,h,w) logits of its match at each level (not softmaxed).
        """
        shifts_px = self.shifts_px(target.shape[-1], width_px)
        costs = row_correlation(target=self.query(target), other=self.key(other), shifts_px=shifts_px, direction=direction)
        attention = costs.softmax(dim=1) * self.loudness
        return self.fuse(torch.cat((target, attention.to(target.dtype)), dim=1)), costs

    @property
    def loudness(self) -> float:
        """What the shares of the levels are multiplied by before they are mixed with the features.

        One of N shares is about N times as quiet as a feature.  As it is, as in the release, what two eyes tell is learned
        last, long after all that one eye can tell; N times as loud, a level that is as likely as any other counts 1.
        """
        return 1.0 if self.parity else float(len(self.levels_px))

    def shifts_px(self, map_width: int, width_px: int) -> tuple[float, ...]:
        """The levels in pixels of a map ``map_width`` wide, of an image ``width_px`` wide."""
        scale = ((map_width - 1) if self.parity else map_width) / width_px
        return tuple(level * scale for level in self.levels_px)
