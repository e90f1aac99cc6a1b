# SPDX-License-Identifier: Apache-2.0
"""DPT decoder (Ranftl et al. 2021, arXiv 2103.13413) as in Depth Anything: encoder maps enter, the maps a head taps leave.

Module names are those of the official files, so a state dict differs by its prefix only.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from leadline.geometry.multiples import ceil_division
from leadline.models.config import FeatureMode, Readout
from leadline.models.features import EncoderLayout, Features
from leadline.models.heads.taps import HeadTaps

OUT_CONV_CHANNELS = 32  # width of the last map, fixed in every Depth Anything size

# What mode "stride8" makes of the four levels: the pyramid at 1/8, 1/16 and 1/32, its finest scale read from two taps.
_STRIDE8_LEVELS = (8, 8, 16, 32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """All maps of one decoder pass, fine to coarse, without unit.

    Attributes:
        levels: (B,C,·,·) the four reassembled maps after ``layer{1..4}_rn``.
        paths: (B,C,·,·) the outputs of ``refinenet{1..4}``; the first is the fused map.
        out_conv: (B,32,H,W) after the ReLU of the last 3x3 convolution.
        logit: (B,H,W) the last 1x1 convolution, before any activation.
    """

    levels: tuple[Tensor, ...]
    paths: tuple[Tensor, ...]
    out_conv: Tensor
    logit: Tensor

    def taps(self) -> HeadTaps:
        """The maps ZoeDepth reads from Depth Anything, coarse to fine; shapes as in ``HeadTaps``, no unit."""
        return HeadTaps(out_conv=self.out_conv, bottleneck=self.levels[3], pyramid=self.paths[::-1], relative=self.logit)


class ResidualConvUnit(nn.Module):
    """x + conv(relu(conv(relu(x)))), 3x3."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(features, features, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,h,w) -> (B,C,h,w), no unit."""
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))  # type: ignore[no-any-return]


class FusionBlock(nn.Module):
    """RefineNet-style fusion: the coarser path meets the next finer level and grows to a given size."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(features, features, kernel_size=1)
        self.resConfUnit1 = ResidualConvUnit(features)
        self.resConfUnit2 = ResidualConvUnit(features)

    def forward(self, path: Tensor, level: Tensor | None, size: tuple[int, int]) -> Tensor:
        """(B,C,h,w) path, (B,C,h,w) level or None for the coarsest block, size in pixels of the map -> (B,C,*size), no unit.

        The official order is resize, then 1x1 convolution.  A pointwise map commutes with bilinear weights, which sum to 1,
        so the convolution goes first, on a quarter of the pixels.
        """
        fused = path if level is None else path + self.resConfUnit1(level)
        return resize(self.out_conv(self.resConfUnit2(fused)), size)


def readout_projection(dim: int) -> nn.Sequential:
    """The layers of ``read_class_token``, numbered as in MiDaS's files."""
    return nn.Sequential(nn.Linear(2 * dim, dim), nn.GELU())


def read_class_token(layers: nn.Sequential, features: Tensor, class_token: Tensor) -> Tensor:
    """GELU of a linear map of each pixel beside the class token (Ranftl et al. 2021, sec. 3.1, "project").

    (B,C,h,w) and (B,1,C) -> (B,C,h,w), no unit.  The token's share is the same for all pixels, so it is computed once.
    """
    weight, bias = layers[0].parameters()
    C = features.shape[1]
    pixels = F.linear(features.permute(0, 2, 3, 1), weight[:, :C])
    token = F.linear(class_token[:, None], weight[:, C:], bias)
    return layers[1](pixels + token).permute(0, 3, 1, 2)  # type: ignore[no-any-return]


class Pointwise(nn.Conv2d):
    """A 1x1 convolution as a matrix product; to one channel, oneDNN's convolution is slower than that backward."""

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,h,w) -> (B,D,h,w), no unit."""
        return F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class Scratch(nn.Module):
    """The trained-from-scratch part of DPT, under its official name: level convolutions, fusion blocks, read-out."""

    def __init__(self, features: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.layer1_rn, self.layer2_rn, self.layer3_rn, self.layer4_rn = (
            nn.Conv2d(width, features, kernel_size=3, padding=1, bias=False) for width in channels
        )
        self.refinenet1, self.refinenet2 = FusionBlock(features), FusionBlock(features)
        self.refinenet3, self.refinenet4 = FusionBlock(features), FusionBlock(features)
        # The coarsest block has no path to meet: its first unit is in every official file and in no forward pass.
        self.refinenet4.resConfUnit1.requires_grad_(requires_grad=False)
        self.output_conv1 = nn.Conv2d(features, features // 2, kernel_size=3, padding=1)
        self.output_conv2 = nn.Sequential(
            nn.Conv2d(features // 2, OUT_CONV_CHANNELS, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            Pointwise(OUT_CONV_CHANNELS, 1, kernel_size=1),
        )

    def level(self, index: int, one: Tensor) -> Tensor:
        """Reassembled map (B,channels[index],h,w) of level ``index`` (0 = finest) -> (B,features,h,w), no unit."""
        return (self.layer1_rn, self.layer2_rn, self.layer3_rn, self.layer4_rn)[index](one)  # type: ignore[no-any-return]

    def read_out(self, fused: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Fused map (B,features,h,w) -> 32 channels after their ReLU (B,32,*size), and the last logit (B,*size); no unit."""
        convolution, activation, last = self.output_conv2
        out_conv = activation(convolution(resize(self.output_conv1(fused), size)))
        return out_conv, last(out_conv).squeeze(1)


class DptDecoder(nn.Module):
    """Reassemble, fuse, and read out at full resolution.

    Args:
        layout: of the encoder.  Maps of one stride (plain ViT) are spread to a pyramid by learned resizing; the maps of a
            backbone with stages are one already.
        features: width of the fused maps.
        channels: widths of the four reassembled maps.
        mode: see ``DepthModelConfig.feature_mode``.
        readout: "project" mixes each map's class token into its pixels (MiDaS), "ignore" leaves it out (Depth Anything).
    """

    logit_bias = "scratch.output_conv2.2.bias"

    def __init__(
        self,
        layout: EncoderLayout,
        features: int,
        channels: tuple[int, ...],
        mode: FeatureMode = "zoe",
        readout: Readout = "ignore",
    ) -> None:
        super().__init__()
        self.mode = mode
        mixed = layout.channels if readout == "project" else ()
        self.readout_projects = nn.ModuleList(readout_projection(width) for width in mixed)
        self.projects = nn.ModuleList(
            nn.Conv2d(width, out, kernel_size=1) for width, out in zip(layout.channels, channels, strict=True)
        )
        self.resize_layers = (
            reassembly_layers(channels) if layout.is_plain else nn.ModuleList(nn.Identity() for _ in channels)
        )
        self.scratch = Scratch(features, channels)

    @property
    def before_read_out(self) -> nn.Module:
        """From this module's output on, arithmetic is better done in float32."""
        return self.scratch.output_conv1

    def forward(self, features: Features, size: tuple[int, int]) -> Decoded:
        """Encoder maps (B,C_i,h_i,w_i) of an image, and the (H, W) in pixels at which to read out -> all maps, no unit."""
        levels = self._levels(features, size)
        paths = self._fuse(levels, size)
        out_conv, logit = self.scratch.read_out(paths[0], size)
        return Decoded(levels=levels, paths=paths, out_conv=out_conv, logit=logit)

    def _levels(self, features: Features, size: tuple[int, int]) -> tuple[Tensor, ...]:
        levels = []
        for index, one in enumerate(features.maps):
            if self.readout_projects:
                one = read_class_token(self.readout_projects[index], one, features.prefix[index])  # type: ignore[arg-type]
            one = self.resize_layers[index](self.projects[index](one))
            if self.mode == "stride8":
                one = resize(one, _at_stride(size, _STRIDE8_LEVELS[index]))
            levels.append(self.scratch.level(index, one))
        return tuple(levels)

    def _fuse(self, levels: tuple[Tensor, ...], size: tuple[int, int]) -> tuple[Tensor, ...]:
        fine, second, third, coarse = levels
        h, w = fine.shape[-2:]
        finest = _at_stride(size, _STRIDE8_LEVELS[0]) if self.mode == "stride8" else (2 * h, 2 * w)
        net = self.scratch
        path4 = net.refinenet4(coarse, None, third.shape[-2:])
        path3 = net.refinenet3(path4, third, second.shape[-2:])
        path2 = net.refinenet2(path3, second, fine.shape[-2:])
        return net.refinenet1(path2, fine, finest), path2, path3, path4


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear with aligned corners, the only resampling DPT knows; untouched where the size agrees.

    (B,C,h,w) -> (B,C,*size), same unit.
    """
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


def reassembly_layers(channels: tuple[int, ...]) -> nn.ModuleList:
    """Maps of a plain transformer to 4, 2, 1 and 1/2 times its grid."""
    return nn.ModuleList(
        (
            nn.ConvTranspose2d(channels[0], channels[0], kernel_size=4, stride=4),
            nn.ConvTranspose2d(channels[1], channels[1], kernel_size=2, stride=2),
            nn.Identity(),
            nn.Conv2d(channels[3], channels[3], kernel_size=3, stride=2, padding=1),
        )
    )


def _at_stride(size: tuple[int, int], stride: int) -> tuple[int, int]:
    return ceil_division(size[0], stride), ceil_division(size[1], stride)
