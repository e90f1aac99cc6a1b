# SPDX-License-Identifier: Apache-2.0
"""Decoder taps enter, metres and their distribution leave   (ZoeDepth, Bhat et al. 2023, arXiv 2302.12288)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from leadline.models.head_config import RELEASED_ALPHA, RELEASED_GAMMA, MetricBinsHeadConfig
from leadline.models.heads.attractors import Attraction, AttractorLayer, attracted
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
        domain_scores: (B,domains) of the classifier that chose the bins, no unit; None where there is no choice.
    """

    depth_m: Tensor
    coarse_centers_m: Tensor
    distribution: LogBinomial
    domain_scores: Tensor | None = None

    def bin_centers_m(self) -> Tensor:
        """(B,N,H,W) final centres in metres at the size of the depth."""
        return _resized(self.coarse_centers_m, self.depth_m)

    def bin_probabilities(self) -> Tensor:
        """(B,N,H,W) in [0, 1], no unit, sum 1 over the bins."""
        return self.distribution.probabilities(self.coarse_centers_m.shape[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class BinLayers:
    """The layers that make bins of features; a model of several domains has one set for each.

    Attributes:
        config: options of the bins.
        seed: first centres.
        attractors: one layer per pyramid level, coarse to fine.
        log_binomial: the distribution over the bins.
    """

    config: MetricBinsHeadConfig
    seed: SeedBins
    attractors: nn.ModuleList
    log_binomial: ConditionalLogBinomial

    @property
    def bounded(self) -> bool:
        """True where attractors, and so the final centres, stay within the depth range."""
        return self.config.bin_centers_type in {"normed", "hybrid2"}

    def levels(
        self, bottleneck: Tensor, seed_embedding: Tensor, projected: Iterable[Tensor]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Embedding (B,E,h,w) and centres (B,N,h,w) of the seed, then of each pyramid level, coarse to fine.

        Centres are shares of the depth range where attractors are bounded, else metres; neither sorted nor clipped.

        Args:
            bottleneck: (B,C,h,w), no unit.
            seed_embedding: (B,E,h,w) of the bottleneck.
            projected: (B,E,h,w) embedding of each pyramid level.

        Raises:
            ValueError: not one embedding per attractor layer.
        """
        embedding, centers = seed_embedding, self._as_range_share(self.seed(bottleneck))
        yield embedding, centers
        attraction = _attraction(self.config)
        for level, attract in zip(projected, self.attractors, strict=True):
            points = attract(_resized(embedding, level).add_(level))
            centers = attracted(centers=_resized(centers, points), points=points, attraction=attraction)
            embedding = level
            yield embedding, centers

    def read(self, fine: Tensor, embedding: Tensor, centers: Tensor) -> BinsOutput:
        """Fine features (B,C,H,W) with the last embedding and centres of ``levels`` -> metres (B,H,W) and bins.

        At least ``min_depth_m``, and at most ``max_depth_m`` where attractors are bounded.
        """
        distribution = self.log_binomial(fine, embedding)
        centers_m = self.metres(centers)
        farthest_m = self.config.max_depth_m if self.bounded else None
        depth_m = expected_value(distribution, centers_m)[:, 0].clamp(self.config.min_depth_m, farthest_m)
        return BinsOutput(depth_m=depth_m, coarse_centers_m=centers_m, distribution=distribution)

    def metres(self, centers: Tensor) -> Tensor:
        """Centres of one of the ``levels`` -> metres, both (B,N,h,w).

        Where attractors are bounded, clipped to the range and ascending.
        """
        if not self.bounded:
            return centers
        near_m, far_m = self.config.min_depth_m, self.config.max_depth_m
        return ((far_m - near_m) * centers + near_m).clamp(near_m, far_m).sort(dim=1)[0]

    def _as_range_share(self, centers_m: Tensor) -> Tensor:
        near_m, far_m = self.config.min_depth_m, self.config.max_depth_m
        return (centers_m - near_m) / (far_m - near_m) if self.bounded else centers_m


def seed_layer(config: MetricBinsHeadConfig, in_channels: int, hidden: int) -> SeedBins:
    """The layer of the first centres: (B,in_channels,h,w) -> (B,N,h,w) metres."""
    bounded = config.bin_centers_type in {"normed", "hybrid1"}
    range_m = (config.min_depth_m, config.max_depth_m) if bounded else None
    return SeedBins(in_channels, hidden, config.n_bins, range_m=range_m)


def attractor_layers(config: MetricBinsHeadConfig) -> nn.ModuleList:
    """One attractor layer per pyramid level, coarse to fine."""
    bounded = config.bin_centers_type in {"normed", "hybrid2"}
    return nn.ModuleList(
        AttractorLayer(config.bin_embedding_dim, count, bounded=bounded, released_bounds=config.compat)
        for count in config.n_attractors
    )


class MetricBinsHead(nn.Module):
    """Adaptive bins refined coarse to fine; submodules and keys are named as in ZoeDepth's checkpoints.

    Args:
        config: options of the head.
        in_channels: C of the bottleneck and the pyramid.
        out_conv_channels: channels of the finest map.
    """

    def __init__(self, config: MetricBinsHeadConfig, in_channels: int, out_conv_channels: int = 32) -> None:
        super().__init__()
        self.config = config
        embedding = config.bin_embedding_dim
        self.conv2 = nn.Conv2d(in_channels, in_channels, 1)
        self.seed_bin_regressor = seed_layer(config, in_channels, SEED_HIDDEN)
        self.seed_projector = Projector(in_channels, PROJECTOR_HIDDEN, embedding)
        self.projectors = nn.ModuleList(Projector(in_channels, PROJECTOR_HIDDEN, embedding) for _ in config.n_attractors)
        self.attractors = attractor_layers(config)
        self.conditional_log_binomial = ConditionalLogBinomial(
            out_conv_channels + 1, embedding, min_temp=config.min_temp, max_temp=config.max_temp
        )

    @property
    def bins(self) -> BinLayers:
        """The layers that make the bins."""
        return BinLayers(
            config=self.config,
            seed=self.seed_bin_regressor,
            attractors=self.attractors,
            log_binomial=self.conditional_log_binomial,
        )

    def forward(self, taps: HeadTaps) -> BinsOutput:
        """Taps of any sizes -> metres (B,H,W), H and W those of ``taps.out_conv``; at least float32, also under autocast.

        At least ``min_depth_m``, and at most ``max_depth_m`` where attractors are bounded.

        Raises:
            ValueError: not one pyramid map per entry of ``n_attractors``.
        """
        taps = channels_last(taps)
        *_, (embedding, centers) = self.levels(taps)
        relative = F.relu(taps.relative)[:, None].to(taps.out_conv.dtype)
        fine = torch.cat([taps.out_conv, _resized(relative, taps.out_conv)], dim=1)
        return self.bins.read(fine, embedding, centers)

    def levels(self, taps: HeadTaps) -> Iterator[tuple[Tensor, Tensor]]:
        """Embedding (B,E,h,w) and centres (B,N,h,w) as ``BinLayers.levels`` gives them.

        Raises:
            ValueError: not one pyramid map per entry of ``n_attractors``.
        """
        bottleneck = self.conv2(taps.bottleneck)
        projected = (project(one) for one, project in zip(taps.pyramid, self.projectors, strict=True))
        return self.bins.levels(bottleneck, self.seed_projector(bottleneck), projected)


def bin_confidence(probabilities: Tensor) -> Tensor:
    """How concentrated the bins are: 1 - entropy / log N.  (B,N,H,W) sum 1, N > 1 -> (B,H,W) in [0,1], 1 = one bin.

    >>> bin_confidence(torch.tensor([0.5, 0.5]).reshape(1, 2, 1, 1)).item()
    0.0
    """
    entropy = cast("Tensor", torch.special.entr(probabilities)).sum(dim=1)
    return (1 - entropy / math.log(probabilities.shape[1])).clamp(0.0, 1.0)


def _attraction(config: MetricBinsHeadConfig) -> Attraction:
    return Attraction(
        type=config.attractor_type,
        kind=config.attractor_kind,
        alpha=RELEASED_ALPHA if config.compat else config.attractor_alpha,
        gamma=RELEASED_GAMMA if config.compat else config.attractor_gamma,
    )


def channels_last(taps: HeadTaps) -> HeadTaps:
    """The same taps laid out as 1x1 convolutions, resizing and bins read them fastest."""
    out_conv, bottleneck, *pyramid = (
        one.contiguous(memory_format=torch.channels_last) for one in (taps.out_conv, taps.bottleneck, *taps.pyramid)
    )
    return HeadTaps(out_conv=out_conv, bottleneck=bottleneck, pyramid=tuple(pyramid), relative=taps.relative)


def _resized(values: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(values, like.shape[-2:], mode="bilinear", align_corners=True)
