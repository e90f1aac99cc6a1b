# SPDX-License-Identifier: Apache-2.0
"""The decoder of the JEPA-depth reference: an encoder's last map enters, doubled to the image's size it leaves.

Module names are those of the reference's later checkpoints, so a state dict differs by its prefix only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from leadline.models.decoders.dpt import OUT_CONV_CHANNELS
from leadline.models.features import EncoderLayout, Features
from leadline.models.heads.taps import HeadTaps


@dataclass(frozen=True, kw_only=True, slots=True)
class Upsampled:
    """All that one decoder pass hands on, without unit.

    Attributes:
        coarse: (B,C,h,w) the encoder's map.
        out_conv: (B,32,H,W) after the GELU of the 3x3 convolution.
        logit: (B,H,W) the last 1x1 convolution, before any activation.
    """

    coarse: Tensor
    out_conv: Tensor
    logit: Tensor

    def taps(self) -> HeadTaps:
        """What a plain head reads; there is no fused pyramid for bins to read.  Shapes as in ``HeadTaps``, no unit."""
        return HeadTaps(out_conv=self.out_conv, bottleneck=self.coarse, pyramid=(), relative=self.logit)


class UpsampleDecoder(nn.Module):
    """Doublings of the last map, each a transposed convolution, batch norm and GELU, and a read-out at full resolution.

    A map of stride 16 is doubled four times, one of 32 five times, any other as often as its stride asks for, rounded up.
    Where this is not the image's size (a stride that is no power of two, sides that are no multiples of it, more
    ``channels`` than doublings needed), the read-out is brought to it once, bilinear, before a head makes depth of it.

    Args:
        layout: of the encoder; its last map is read.
        features: width after the first doubling, halved at each later one, but to no less than 32.
        channels: the width after each doubling; None = as ``features`` says.
    """

    logit_bias = "head.2.bias"

    def __init__(self, layout: EncoderLayout, features: int, channels: tuple[int, ...] | None = None) -> None:
        super().__init__()
        widths = (layout.channels[-1], *(channels or halving_widths(features, doublings(layout.strides[-1]))))
        self.net = nn.Sequential(*(_doubling(before, after) for before, after in pairwise(widths)))
        self.head = nn.Sequential(
            nn.Conv2d(widths[-1], OUT_CONV_CHANNELS, kernel_size=3, padding=1),
            nn.GELU(),
            nn.Conv2d(OUT_CONV_CHANNELS, 1, kernel_size=1),
        )

    @property
    def before_read_out(self) -> nn.Module:
        """From this module's output on, arithmetic is better done in float32."""
        return self.net[-1]

    def forward(self, features: Features, size: tuple[int, int]) -> Upsampled:
        """Encoder maps, the last one (B,C,h,w), and the (H, W) in pixels to read out at -> what heads read, no unit."""
        coarse = features.maps[-1]
        convolution, activation, last = self.head
        out_conv = activation(convolution(self.net(coarse)))
        return Upsampled(coarse=coarse, out_conv=_fitted(out_conv, size), logit=_fitted(last(out_conv), size).squeeze(1))


def doublings(stride: int) -> int:
    """How often a map must be doubled to be at least as large as the image.

    >>> doublings(16), doublings(32), doublings(14), doublings(1)
    (4, 5, 4, 0)
    """
    return (stride - 1).bit_length()


def halving_widths(first: int, count: int) -> tuple[int, ...]:
    """``count`` widths, each half of the one before, but no less than 32 where the first is not.

    >>> halving_widths(256, 5), halving_widths(16, 2)
    ((256, 128, 64, 32, 32), (16, 16))
    """
    least = min(first, OUT_CONV_CHANNELS)
    return tuple(max(first >> index, least) for index in range(count))


def _doubling(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(before, after, kernel_size=4, stride=2, padding=1), nn.BatchNorm2d(after), nn.GELU()
    )


def _fitted(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear by pixel centres, on which doublings keep the map; untouched where the size agrees."""
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
