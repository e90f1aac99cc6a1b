# SPDX-License-Identifier: Apache-2.0
"""DINOv2's four readings enter DPT's reassembly and fusion; the maps of the source a pyramid asks for leave.

Module names below ``DptNeck`` are those of the official ``depth_head``, so a state dict differs by its prefix only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from leadline.contracts.errors import require
from leadline.geometry.multiples import ceil_division, nearest_multiples
from leadline.models.decoders.dpt import FusionBlock, reassembly_layers, resize
from leadline.models.dinov2 import PATCH_PX
from leadline.models.encoder_sizes import DinoSize
from leadline.models.stereo.encoder_config import LEVELS, PyramidConfig, PyramidSource, SizePolicy


class NeckScratch(nn.Module):
    """Level convolutions, and the fusion blocks where they are wanted, under their official names."""

    def __init__(self, features: int, channels: tuple[int, ...], source: PyramidSource) -> None:
        super().__init__()
        for level, width in enumerate(channels, start=1):
            self.add_module(f"layer{level}_rn", nn.Conv2d(width, features, kernel_size=3, padding=1, bias=False))
        if source == "fused":
            for level in range(1, LEVELS + 1):
                self.add_module(f"refinenet{level}", FusionBlock(features))
            # The coarsest block meets no path: without its first unit, every parameter is used.
            self.get_submodule(f"refinenet{LEVELS}").resConfUnit1 = nn.Identity()

    def convolved(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Reassembled maps (B,C_i,h_i,w_i), fine to coarse -> (B,features,h_i,w_i), no unit."""
        return tuple(self.get_submodule(f"layer{level}_rn")(one) for level, one in enumerate(maps, start=1))

    def fused(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Convolved maps, fine to coarse -> DPT's paths at the sizes of the maps they met, before their last resizing."""
        paths: list[Tensor] = []
        for level in range(LEVELS, 0, -1):
            level_map = maps[level - 1]
            size = (level_map.shape[-2], level_map.shape[-1])
            block = self.get_submodule(f"refinenet{level}")
            path = block(resize(paths[-1], size), level_map, size) if paths else block(level_map, None, size)
            paths.append(path)
        return tuple(reversed(paths))


class DptNeck(nn.Module):
    """What of DPT's decoder a pyramid needs, nothing more.

    Args:
        size: of the DINOv2 in front.
        source: see ``PyramidConfig.pyramid_source``.
    """

    def __init__(self, size: DinoSize, source: PyramidSource) -> None:
        super().__init__()
        self.source = source
        self.channels = size.channels if source == "reassemble" else (size.features,) * LEVELS
        self.projects = nn.ModuleList(nn.Conv2d(size.dim, width, kernel_size=1) for width in size.channels)
        self.resize_layers = reassembly_layers(size.channels)
        if source != "reassemble":
            self.scratch = NeckScratch(size.features, size.channels, source)

    def forward(self, readings: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Four maps (B,D,g,k) of the patch grid -> (B,C_i,·,·) at 4, 2, 1 and 1/2 times it, fine to coarse, no unit."""
        maps = tuple(
            enlarge(project(one)) for project, enlarge, one in zip(self.projects, self.resize_layers, readings, strict=True)
        )
        if self.source == "reassemble":
            return maps
        maps = self.scratch.convolved(maps)
        return self.scratch.fused(maps) if self.source == "fused" else maps


def shown_size(size: tuple[int, int], policy: SizePolicy) -> tuple[int, int]:
    """(H, W) in pixels at which DINOv2 is shown an image of ``size``: multiples of 14, where the policy makes them."""
    if torch.compiler.is_exporting():  # sizes may be symbols here, declared to be such multiples
        return size
    if policy == "pad":
        return ceil_division(size[0], PATCH_PX) * PATCH_PX, ceil_division(size[1], PATCH_PX) * PATCH_PX
    return nearest_multiples(size, PATCH_PX) if policy == "resize" else size


def fitted(image_B3HW: Tensor, policy: SizePolicy) -> Tensor:
    """Normalised (B,3,H,W) -> the same with sides that are multiples of 14, no unit.

    Raises:
        UsageError: policy "error", and they are none.
    """
    if torch.compiler.is_exporting():
        return image_B3HW
    size = (image_B3HW.shape[-2], image_B3HW.shape[-1])
    if policy == "error":
        nearest = nearest_multiples(size, PATCH_PX)
        remedy = f"resize to {nearest[0]}x{nearest[1]}, or choose size_policy resize or pad"
        require(size == nearest, f"sides that are multiples of {PATCH_PX} with size_policy error", size, remedy)
    shown = shown_size(size, policy)
    if shown == size:
        return image_B3HW
    if policy == "pad":
        return F.pad(image_B3HW, (0, shown[1] - size[1], 0, shown[0] - size[0]), mode="replicate")
    return F.interpolate(image_B3HW, size=shown, mode="bilinear", align_corners=False)


def map_sizes(size: tuple[int, int], config: PyramidConfig) -> tuple[tuple[int, int], ...]:
    """(h, w) of the four maps of an (H, W) image in pixels, fine to coarse, as ``aligned`` makes them."""
    if config.is_native and config.size_policy != "pad":
        return _native_sizes(size, config)
    # 8/7 of the side over a whole number: native strides are sevenths of eighths, and this stays exact
    above, below = (8, 7) if config.is_native else (1, 1)
    strides = (below * config.base_stride * 2**level for level in range(LEVELS))
    return tuple((ceil_division(above * size[0], stride), ceil_division(above * size[1], stride)) for stride in strides)


def aligned(maps: tuple[Tensor, ...], size: tuple[int, int], config: PyramidConfig) -> tuple[Tensor, ...]:
    """The neck's maps of an image of ``size`` (H, W) pixels, fine to coarse -> the same at ``map_sizes``; no unit.

    A map covers its whole image: one of w columns has W/w pixels in each, whatever its nominal stride.
    """
    shown = shown_size(size, config.size_policy)
    sizes = map_sizes(size, config)
    if config.is_native:
        if config.base_stride == 2:
            doubled = _native_sizes(size, config)
            fused = config.pyramid_source == "fused"  # then as DPT itself would have gone on
            maps = tuple(
                resize(one, to) if fused else _sampled(one, to, shown, level)
                for level, (one, to) in enumerate(zip(maps, doubled, strict=True))
            )
        return tuple(one[..., :h, :w] for one, (h, w) in zip(maps, sizes, strict=True))
    covered = size if config.size_policy == "pad" else shown
    return tuple(_sampled(one, to, covered, level) for level, (one, to) in enumerate(zip(maps, sizes, strict=True)))


def _native_sizes(size: tuple[int, int], config: PyramidConfig) -> tuple[tuple[int, int], ...]:
    shown = shown_size(size, config.size_policy)
    rows, columns = shown[0] // PATCH_PX, shown[1] // PATCH_PX
    if config.base_stride == 2:
        return tuple((rows * scale, columns * scale) for scale in (8, 4, 2, 1))
    return *((rows * scale, columns * scale) for scale in (4, 2, 1)), (ceil_division(rows, 2), ceil_division(columns, 2))


def _sampled(one: Tensor, size: tuple[int, int], covered_px: tuple[int, int], level: int) -> Tensor:
    """The part of a map of DPT's ``level`` that covers (H, W) pixels of what DINOv2 was shown, at ``size``.

    More than that is in the map of a padded picture, and in the coarsest of an odd patch grid, whose last pixel covers a
    patch that is not there: stretched as it is, such a map would be up to a patch off at its end.
    """
    cell = PATCH_PX / 4 * 2**level
    # While a graph is traced, sizes may be symbols, of which no Python branch can be taken.
    if not torch.compiler.is_exporting() and _covers(one, covered_px, cell):
        return one if one.shape[-2:] == size else F.interpolate(one, size=size, mode="bilinear", align_corners=False)
    # Not ``interpolate`` with a scale: where the size does not change by it, torch hands out a copy.
    down, across = (_weights(one.shape[axis], size[axis], covered_px[axis], cell) for axis in (-2, -1))
    return down.to(one) @ one @ across.to(one).transpose(0, 1)


def _covers(one: Tensor, covered_px: tuple[int, int], cell_px: float) -> bool:
    return all(pixels * cell_px == px for pixels, px in zip(one.shape[-2:], covered_px, strict=True))


def _weights(before: int, after: int, covered_px: int, cell_px: float) -> Tensor:
    """(after, before), no unit: bilinear sampling along one axis, for any sizes without a branch."""
    sources, targets = (torch.arange(pixels, dtype=torch.float64) for pixels in (before, after))
    step = covered_px / (cell_px * (targets[-1] + 1))
    position = torch.minimum(((targets + 0.5) * step - 0.5).clamp(min=0), sources[-1])
    return (1 - (position[:, None] - sources).abs()).clamp(min=0)
