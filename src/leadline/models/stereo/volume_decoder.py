# SPDX-License-Identifier: Apache-2.0
"""Four feature maps of one view, or of two, enter; a score for each disparity level at each pixel of the image leaves.

The decoder of TiO-Depth (Zhou & Dong 2023, arXiv 2309.00933).  One set of weights serves three paths: raw (one view),
refined (one view, other offsets and another last layer) and stereo (two views, compared at every level).  Levels count from
fine to coarse, 0 being the image itself, so that level i reads the encoder's map i - 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from leadline.geometry.levels import exponential_levels
from leadline.models.stereo.aggregation import FeatureAggregation, ReflectConv, convolution_block, offset_generator
from leadline.models.stereo.config import StereoModelConfig
from leadline.models.stereo.matching import FeatureMatching

MERGED_LEVELS = (3, 2, 1)  # those at which the encoder has a map to add, coarse to fine
_COARSEST, _IMAGE = 3, 0

Maps = tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """What two views say together, before it is read out at the size of the image; no unit.

    Attributes:
        target, other: (B,C,h,w) the finest map of each view.
        target_costs, other_costs: (B,N,h,w) logits of the match at levels 3, 2, 1, each at the size it was compared at.
    """

    target: Tensor
    other: Tensor
    target_costs: Maps
    other_costs: Maps


class RawPath(nn.Module):
    """The layers that all paths share, and what only the raw and the stereo path add: offsets and the last layer.

    Args:
        feature_channels: widths of the encoder's maps, fine to coarse.
        channels: widths of the decoder at levels 0 to 3.
        levels: how many disparity levels.
    """

    def __init__(self, feature_channels: tuple[int, ...], channels: tuple[int, ...], levels: int) -> None:
        super().__init__()
        inputs = (*channels[1:], feature_channels[-1])
        self.before = nn.ModuleList(convolution_block(*widths) for widths in zip(inputs, channels, strict=True))
        self.after = nn.ModuleList(convolution_block(width, width) for width in channels)
        self.aggregate = nn.ModuleDict(
            {str(level): FeatureAggregation(feature_channels[level - 1], channels[level]) for level in MERGED_LEVELS}
        )
        self.ending = PathEnding(channels, levels)

    def grown(self, x: Tensor, level: int, feature: Tensor, encoder_offsets: nn.Module) -> Tensor:
        """The decoder's map (B,C,h,w) of the level above and an encoder's map (B,F,2h,2w) -> (B,D,2h,2w); any sizes."""
        x = F.interpolate(self.before[level](x), size=feature.shape[-2:], mode="nearest")
        return self.after[level](self.aggregate[str(level)](x, feature, encoder_offsets))  # type: ignore[no-any-return]

    def read_out(self, x: Tensor, size: tuple[int, int], output: nn.Module) -> Tensor:
        """The finest map (B,C,h,w) -> (B,N,H,W) logits at ``size`` (H, W) in pixels."""
        x = F.interpolate(self.before[_IMAGE](x), size=size, mode="nearest")
        return output(self.after[_IMAGE](x))  # type: ignore[no-any-return]


class PathEnding(nn.Module):
    """What the raw and the refined path have of their own: offsets of the encoder's maps, and the last layer.

    Args:
        channels: widths of the decoder at levels 0 to 3.
        levels: how many disparity levels.
    """

    def __init__(self, channels: tuple[int, ...], levels: int) -> None:
        super().__init__()
        self.offsets = nn.ModuleDict({str(level): offset_generator(channels[level]) for level in MERGED_LEVELS})
        self.output = ReflectConv(channels[_IMAGE], levels)


class VolumeDecoder(nn.Module):
    """The decoder with its three paths.

    Args:
        feature_channels: widths of the encoder's maps, fine to coarse.
        config: of the network; its decoder is "volume".

    Attributes:
        raw: layers of the raw path, which the others use too.
        matching: comparisons of two views by level; empty where the configuration has none.
        refined: what the refined path has of its own; None where the configuration has no such path.
    """

    def __init__(self, feature_channels: tuple[int, ...], config: StereoModelConfig) -> None:
        super().__init__()
        channels = config.decoder_channels
        levels_px = level_list(config)
        self.raw = RawPath(feature_channels, channels, config.levels)
        self.matching = nn.ModuleDict()
        if config.matching:
            for level in MERGED_LEVELS:
                self.matching[str(level)] = FeatureMatching(channels[level], levels_px, parity=config.parity)
        self.refined = PathEnding(channels, config.levels) if config.refined else None

    def decode(self, features: Maps, size: tuple[int, int], ending: PathEnding) -> Tensor:
        """One view, by the raw or the refined path.

        Args:
            features: four maps (B,F,h,w), fine to coarse, no unit.
            size: (H, W) of the image in pixels.
            ending: ``raw.ending`` or ``refined``.

        Returns:
            (B,N,H,W) logits.
        """
        x = features[-1]
        for level in MERGED_LEVELS:
            x = self.raw.grown(x, level, features[level - 1], ending.offsets[str(level)])
        return self.raw.read_out(x, size, ending.output)

    def compare(self, *, target: Maps, other: Maps, width_px: int, direction: int) -> Compared:
        """Both views, compared at every level.

        Args:
            target, other: four maps each (B,F,h,w), fine to coarse, no unit.
            width_px: W of the image.
            direction: +1 where the target is the left view, -1 where it is the right.
        """
        x, y = target[-1], other[-1]
        offsets = self.raw.ending.offsets
        x_costs, y_costs = [], []
        for level in MERGED_LEVELS:
            x = self.raw.grown(x, level, target[level - 1], offsets[str(level)])
            y = self.raw.grown(y, level, other[level - 1], offsets[str(level)])
            match = partial(self.matching[str(level)], width_px=width_px)
            (x, x_cost), (y, y_cost) = (
                match(target=x, other=y, direction=direction),
                match(target=y, other=x, direction=-direction),
            )
            x_costs.append(x_cost)
            y_costs.append(y_cost)
        return Compared(target=x, other=y, target_costs=tuple(x_costs), other_costs=tuple(y_costs))

    def read_out(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """One of the maps of ``compare``, (B,C,h,w) -> (B,N,H,W) logits at ``size`` (H, W) in pixels."""
        return self.raw.read_out(x, size, self.raw.ending.output)


def level_list(config: StereoModelConfig) -> tuple[float, ...]:
    """The disparity levels of a network, in pixels of its input."""
    with torch.device("cpu"):  # numbers are wanted even where the network is rehearsed without any
        levels_px = exponential_levels(
            config.levels, least_px=config.least_disparity_px, greatest_px=config.greatest_disparity_px
        )
    return tuple(levels_px.tolist())
