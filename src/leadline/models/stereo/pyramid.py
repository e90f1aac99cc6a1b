# SPDX-License-Identifier: Apache-2.0
"""Images in [0, 1] of any size enter, four maps of an encoder leave, fine to coarse, at strides that can be relied on."""

from __future__ import annotations

from typing import cast

import timm
import torch
from torch import Tensor, nn

from leadline.contracts.errors import ContractError
from leadline.models.dinov2 import PATCH_PX, DinoVisionTransformer
from leadline.models.encoder_sizes import DinoSize
from leadline.models.normalisation import IMAGENET, Normalisation
from leadline.models.stereo.dino_pyramid import DptNeck, aligned, fitted, map_sizes
from leadline.models.stereo.encoder_config import LEVELS, SMALLEST_SIDE_PX, PyramidConfig
from leadline.models.stereo.swin import SwinTransformer

_STATISTICS = {
    "imagenet": IMAGENET,
    "tio": Normalisation(mean=(0.45, 0.45, 0.45), std=(0.225, 0.225, 0.225)),  # monodepth2, resnet_encoder.py
}


class FeaturePyramid(nn.Module):
    """An encoder, what brings its readings to four scales, and the normalisation in front of both.

    Build it with ``build_pyramid``.

    Attributes:
        config: as given.
        backbone: the pretrained encoder.
        neck: the part of DPT's decoder behind DINOv2; without parameters behind the others.
        channels: widths of the four maps, fine to coarse.
        idle: names of parameters that are in every official file and in no forward pass; no policy makes them trainable.
        frozen: "backbone" and "neck" where they stay in evaluation mode while the pyramid trains.
    """

    def __init__(self, config: PyramidConfig, *, backbone: nn.Module, neck: nn.Module, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.config, self.channels = config, channels
        self.backbone, self.neck = backbone, neck
        self.idle = frozenset(name for name, parameter in self.named_parameters() if not parameter.requires_grad)
        self.frozen: frozenset[str] = frozenset()

    @property
    def strides(self) -> tuple[float, ...]:
        """Input pixels per pixel of each map, fine to coarse; nominal."""
        return self.config.strides

    @property
    def size_multiple(self) -> int:
        """Sides in pixels that are multiples of it reach the encoder as they are: the patch, or the coarsest stride."""
        return PATCH_PX if self.config.dino is not None else int(self.strides[-1])

    def sizes(self, size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """(h, w) of the four maps, fine to coarse, of an image of (H, W) pixels; nothing is computed."""
        return map_sizes(size, self.config)

    def forward(self, image_B3HW: Tensor) -> tuple[Tensor, ...]:
        """(B,3,H,W) RGB in [0, 1] -> four maps (B, channels[i], *sizes[i]), fine to coarse, no unit.

        Raises:
            ContractError: the image is no such tensor, or a side is shorter than 32 pixels.
            UsageError: sides that are no multiples of the patch, with size_policy "error".
        """
        size = _checked_size(image_B3HW)
        statistics = _STATISTICS.get(self.config.normalisation)
        image_B3HW = image_B3HW if statistics is None else statistics.apply(image_B3HW)
        if self.config.dino is None:
            return tuple(self.neck(self.backbone(image_B3HW)))
        readings = self.backbone(fitted(image_B3HW, self.config.size_policy)).maps
        return aligned(self.neck(readings), size, self.config)

    def recompute_gradients(self) -> None:
        """From now on, training keeps the inputs of the backbone's blocks and computes the rest again on the way back."""
        if isinstance(self.backbone, DinoVisionTransformer | SwinTransformer):
            self.backbone.recompute_gradients()
        else:
            self.backbone.set_grad_checkpointing(enable=True)  # type: ignore[operator]

    def train(self, mode: bool = True) -> FeaturePyramid:  # noqa: FBT001, FBT002
        """As torch, except that frozen parts stay in evaluation mode, batch statistics and all."""
        super().train(mode)
        for part in self.frozen:
            self.get_submodule(part).eval()
        return self


def build_pyramid(config: PyramidConfig) -> FeaturePyramid:
    """The pyramid of a configuration with random numbers; under ``torch.device("meta")``, without any."""
    if config.dino is not None:
        return _dino_pyramid(config, config.dino)
    if config.swin is not None:
        swin = SwinTransformer(config.swin, embed_stride=config.base_stride, drop_path=config.drop_path_rate)
        return FeaturePyramid(config, backbone=swin, neck=nn.Identity(), channels=swin.channels)
    # A ResNet's first map has stride 2: the finest four or the coarsest four of its five, and no layer beyond.
    first = 0 if config.base_stride == 2 else 1
    indices = tuple(range(first, first + LEVELS))
    resnet = timm.create_model(config.encoder, features_only=True, out_indices=indices)
    channels = cast("list[int]", resnet.feature_info.channels())
    return FeaturePyramid(config, backbone=resnet, neck=nn.Identity(), channels=tuple(channels))


def _dino_pyramid(config: PyramidConfig, size: DinoSize) -> FeaturePyramid:
    neck = DptNeck(size, config.pyramid_source)
    return FeaturePyramid(config, backbone=DinoVisionTransformer(size, size.taps), neck=neck, channels=neck.channels)


def _checked_size(image_B3HW: Tensor) -> tuple[int, int]:
    shape = tuple(image_B3HW.shape)
    if torch.compiler.is_exporting():  # sides may be symbols, of which nothing can be asked
        return shape[2], shape[3]
    if len(shape) != 4 or shape[1] != 3 or min(shape[2:]) < SMALLEST_SIDE_PX:
        raise ContractError(
            expected=f"images (B,3,H,W) with sides of at least {SMALLEST_SIDE_PX} px",
            got=f"shape {shape}",
            remedy="resize the pictures, or crop larger",
        )
    return shape[2], shape[3]
