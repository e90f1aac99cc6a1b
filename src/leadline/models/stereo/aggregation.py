# SPDX-License-Identifier: Apache-2.0
"""The decoder's map and an encoder's map enter, both moved to fit, their sum leaves: self-distilled feature aggregation.

Source: Zhou & Dong 2022, "Self-Distilled Feature Aggregation for Self-Supervised Monocular Depth Estimation", arXiv
2209.07088.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class ReflectConv(nn.Conv2d):
    """A 3x3 convolution that mirrors its input at the border, and repeats a single row or column, which has no mirror image.

    Args:
        channels_in, channels_out: widths.
        bias: whether a constant is added.
    """

    def __init__(self, channels_in: int, channels_out: int, *, bias: bool = True) -> None:
        super().__init__(channels_in, channels_out, kernel_size=3, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,h,w) -> (B,D,h,w), no unit."""
        height, width = x.shape[-2:]
        if height > 1 and width > 1:
            padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
        else:
            padded = F.pad(x, (1, 1, 0, 0), mode="reflect" if width > 1 else "replicate")
            padded = F.pad(padded, (0, 0, 1, 1), mode="reflect" if height > 1 else "replicate")
        return super().forward(padded)


def convolution_block(channels_in: int, channels_out: int) -> nn.Sequential:
    """3x3 convolution with mirrored border and ELU, the brick of the decoder: (B,C,h,w) -> (B,D,h,w)."""
    return nn.Sequential(ReflectConv(channels_in, channels_out), nn.ELU(inplace=True))


def offset_generator(channels: int) -> nn.Sequential:
    """Two maps side by side -> how far to move one of them: (B,2C,h,w) -> (B,2,h,w) map pixels to the right and down.

    Its last layer starts at zero, so that nothing is moved before it has learned to.
    """
    last = ReflectConv(channels, 2, bias=False)
    nn.init.zeros_(last.weight)
    first = nn.Conv2d(2 * channels, channels, kernel_size=1, bias=False)
    return nn.Sequential(first, nn.BatchNorm2d(channels), nn.ELU(inplace=True), last)


class FeatureAggregation(nn.Module):
    """One step of the decoder: its own map and an encoder's, each moved by its own offsets, added.

    Which offsets move the encoder's map is what distinguishes the raw from the refined path, so their generator is given
    from outside; all else is shared.

    Args:
        feature_channels: width of the encoder's map.
        channels: width of the decoder's map, and of the sum.
    """

    def __init__(self, feature_channels: int, channels: int) -> None:
        super().__init__()
        self.project = convolution_block(feature_channels, channels)
        self.decoder_offsets = offset_generator(channels)

    def forward(self, x: Tensor, feature: Tensor, encoder_offsets: nn.Module) -> Tensor:
        """Decoder's map (B,C,h,w), encoder's map (B,F,h,w), generator of the latter's offsets -> (B,C,h,w), no unit."""
        projected = self.project(feature)
        both = torch.cat((x, projected), dim=1)
        return moved(x, self.decoder_offsets(both)) + moved(projected, encoder_offsets(both))


def moved(maps: Tensor, offsets_px: Tensor) -> Tensor:
    """Read each pixel at another place, bilinear between pixels and 0 beyond the border.

    Args:
        maps: (B,C,h,w), no unit.
        offsets_px: (B,2,h,w) in pixels of the map: how far to the right and how far down the value is read.

    Returns:
        (B,C,h,w) in the dtype of ``maps``; where it is read does not depend on it, as half precision cannot count pixels.
    """
    height, width = maps.shape[-2:]
    offsets = offsets_px.to(torch.promote_types(offsets_px.dtype, torch.float32))
    columns = torch.arange(width, device=maps.device, dtype=offsets.dtype) + 0.5
    rows = torch.arange(height, device=maps.device, dtype=offsets.dtype)[:, None] + 0.5
    x = (columns + offsets[:, 0]) * (2 / width) - 1
    y = (rows + offsets[:, 1]) * (2 / height) - 1
    with torch.autocast(maps.device.type, enabled=False):
        read = F.grid_sample(maps.to(offsets.dtype), torch.stack((x, y), dim=-1), padding_mode="zeros", align_corners=False)
    return read.to(maps.dtype)
