# SPDX-License-Identifier: Apache-2.0
"""Decoder taps enter, metres and their distribution leave   (ZoeDepth, Bhat et al. 2023, arXiv 2302.12288)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from leadline.models.config import MetricBinsHeadConfig
from leadline.models.heads.attractors import RELEASED_ALPHA, RELEASED_GAMMA, Attraction, AttractorLayer, attracted
from leadline.models.heads.log_binomial import ConditionalLogBinomial, LogBinomial, expected_value
from leadline.models.heads.seed_bins import Projector, SeedBins
from leadline.models.heads.taps import HeadTaps

SEED_HIDDEN, PROJECTOR_HIDDEN = 256, 128  # widths in the released single-head models


@dataclass(frozen=True, kw_only=True, slots=True)
class BinsOutput:
    """What the head says about B pictures.

    Attributes:
        depth_m: (B,H,W) metres, positive.
        coarse_centers_m: (B,N,h,w) metres, final bin centres at the finest pyramid level.
        distribution: maps (B,1,H,W) of the log-binomial over the N bins.
    """

    depth_m: Tensor
    coarse_centers_m: Tensor
    distribution: LogBinomial

    def bin_centers_m(self) -> Tensor:
        """(B,N,H,W) final centres in metres at the size of the depth."""
        return _resized(self.coarse_centers_m, self.depth_m)

    def bin_probabilities(self) -> Tensor:
        """(B,N,H,W) in [0, 1], no unit, sum 1 over the bins."""
        return self.distribution.probabilities(self.coarse_centers_m.shape[1])


class MetricBinsHead(nn.Module):
    """Adaptive bins refined coarse to fine; submodules and keys are named as in ZoeDepth's checkpoints.

    Args:
        config: options of the head.
        in_channels: C of the bottleneck and the pyramid.
        out_conv_channels: channels of the finest map.
    """

    def __init__(self, config: MetricBinsHeadConfig, in_channels: int, out_conv_channels: int = 32) -> None:
        super().__init__()
        self.config, self.attraction = config, _attraction(config)
        embedding, range_m = config.bin_embedding_dim, (config.min_depth_m, config.max_depth_m)
        bounded_seed = config.bin_centers_type in {"normed", "hybrid1"}
        self.bounded = config.bin_centers_type in {"normed", "hybrid2"}
        self.conv2 = nn.Conv2d(in_channels, in_channels, 1)
        self.seed_bin_regressor = SeedBins(
            in_channels, SEED_HIDDEN, config.n_bins, range_m=range_m if bounded_seed else None
        )
        self.seed_projector = Projector(in_channels, PROJECTOR_HIDDEN, embedding)
        self.projectors = nn.ModuleList(Projector(in_channels, PROJECTOR_HIDDEN, embedding) for _ in config.n_attractors)
        self.attractors = nn.ModuleList(
            AttractorLayer(embedding, count, bounded=self.bounded, released_bounds=config.compat)
            for count in config.n_attractors
        )
        self.conditional_log_binomial = ConditionalLogBinomial(
            out_conv_channels + 1, embedding, min_temp=config.min_temp, max_temp=config.max_temp
        )

    def forward(self, taps: HeadTaps) -> BinsOutput:
        """Taps of any sizes -> metres (B,H,W), H and W those of ``taps.out_conv``; at least float32, also under autocast.

        At least ``min_depth_m``, and at most ``max_depth_m`` where attractors are bounded.

        Raises:
            ValueError: not one pyramid map per entry of ``n_attractors``.
        """
        taps = _channels_last(taps)
        *_, (embedding, centers) = self.levels(taps)
        relative = F.relu(taps.relative)[:, None].to(taps.out_conv.dtype)
        fine = torch.cat([taps.out_conv, _resized(relative, taps.out_conv)], dim=1)
        distribution = self.conditional_log_binomial(fine, embedding)
        centers_m = self.metres(centers)
        farthest_m = self.config.max_depth_m if self.bounded else None
        depth_m = expected_value(distribution, centers_m)[:, 0].clamp(self.config.min_depth_m, farthest_m)
        return BinsOutput(depth_m=depth_m, coarse_centers_m=centers_m, distribution=distribution)

    def levels(self, taps: HeadTaps) -> Iterator[tuple[Tensor, Tensor]]:
        """Embedding (B,E,h,w) and centres (B,N,h,w) of the seed, then of each pyramid level, coarse to fine.

        Centres are shares of the depth range where attractors are bounded, else metres; neither sorted nor clipped.

        Raises:
            ValueError: not one pyramid map per entry of ``n_attractors``.
        """
        bottleneck = self.conv2(taps.bottleneck)
        embedding, centers = self.seed_projector(bottleneck), self._as_range_share(self.seed_bin_regressor(bottleneck))
        yield embedding, centers
        for features, project, attract in zip(taps.pyramid, self.projectors, self.attractors, strict=True):
            projected = project(features)
            points = attract(_resized(embedding, projected).add_(projected))
            centers = attracted(centers=_resized(centers, points), points=points, attraction=self.attraction)
            embedding = projected
            yield embedding, centers

    def _as_range_share(self, centers_m: Tensor) -> Tensor:
        near_m, far_m = self.config.min_depth_m, self.config.max_depth_m
        return (centers_m - near_m) / (far_m - near_m) if self.bounded else centers_m

    def metres(self, centers: Tensor) -> Tensor:
        """Centres of one of the ``levels`` -> metres, both (B,N,h,w).

        Where attractors are bounded, clipped to the range and ascending.
        """
        if not self.bounded:
            return centers
        near_m, far_m = self.config.min_depth_m, self.config.max_depth_m
        return ((far_m - near_m) * centers + near_m).clamp(near_m, far_m).sort(dim=1)[0]


def bin_confidence(probabilities: Tensor) -> Tensor:
    """How concentrated the bins are: 1 - entropy / log N.  (B,N,H,W) sum 1, N > 1 -> (B,H,W) in [0,1], 1 = one bin.

    >>> bin_confidence(torch.tensor([0.5, 0.5]).reshape(1, 2, 1, 1)).item()
    0.0
    """
    entropy = cast("Tensor", torch.special.entr(probabilities)).sum(dim=1)
    return (1 - entropy / math.log(probabilities.shape[1])).clamp(0, 1)


def _attraction(config: MetricBinsHeadConfig) -> Attraction:
    return Attraction(
        type=config.attractor_type,
        kind=config.attractor_kind,
        alpha=RELEASED_ALPHA if config.compat else config.attractor_alpha,
        gamma=RELEASED_GAMMA if config.compat else config.attractor_gamma,
    )


def _channels_last(taps: HeadTaps) -> HeadTaps:
    """The same taps laid out as 1x1 convolutions, resizing and bins read them fastest."""
    out_conv, bottleneck, *pyramid = (
        one.contiguous(memory_format=torch.channels_last) for one in (taps.out_conv, taps.bottleneck, *taps.pyramid)
    )
    return HeadTaps(out_conv=out_conv, bottleneck=bottleneck, pyramid=tuple(pyramid), relative=taps.relative)


def _resized(values: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(values, like.shape[-2:], mode="bilinear", align_corners=True)
