# SPDX-License-Identifier: Apache-2.0
"""Decoder taps enter, each picture is sent to the bins of its domain, metres leave   (ZoeDepth NK, arXiv 2302.12288)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from leadline.models.head_config import RoutedBinsHeadConfig
from leadline.models.heads.domain_router import PatchTransformer, domain_classifier
from leadline.models.heads.log_binomial import ConditionalLogBinomial, LogBinomial
from leadline.models.heads.metric_bins import BinLayers, BinsOutput, attractor_layers, channels_last, seed_layer
from leadline.models.heads.precision import at_least_float32
from leadline.models.heads.seed_bins import Projector
from leadline.models.heads.taps import HeadTaps

BOTTLENECK_FACTOR = 4  # inputs per hidden channel of the released log-binomial


class RoutedBinsHead(nn.Module):
    """Shared projections, a set of bins per domain, a classifier; submodules and keys are named as in ZoeDepth NK's file.

    Args:
        config: options of the head.
        in_channels: C of the bottleneck and the pyramid.
        out_conv_channels: channels of the finest map.
    """

    def __init__(self, config: RoutedBinsHeadConfig, in_channels: int, out_conv_channels: int = 32) -> None:
        super().__init__()
        self.config = config
        embedding, hidden = config.bin_embedding_dim, config.bin_embedding_dim // 2
        of = {name: config.bins_of(name) for name in config.domains}
        self.conv2 = nn.Conv2d(in_channels, in_channels, 1)
        self.patch_transformer = PatchTransformer(in_channels)
        self.mlp_classifier = domain_classifier(len(of))
        self.seed_bin_regressors = nn.ModuleDict({name: seed_layer(one, in_channels, hidden) for name, one in of.items()})
        self.seed_projector = Projector(in_channels, hidden, embedding)
        self.projectors = nn.ModuleList(Projector(in_channels, hidden, embedding) for _ in config.n_attractors)
        self.attractors = nn.ModuleDict({name: attractor_layers(one) for name, one in of.items()})
        self.conditional_log_binomial = nn.ModuleDict(
            {
                name: ConditionalLogBinomial(
                    out_conv_channels,
                    embedding,
                    min_temp=config.min_temp,
                    max_temp=config.max_temp,
                    bottleneck_factor=BOTTLENECK_FACTOR,
                )
                for name in of
            }
        )

    def bins(self, domain: str) -> BinLayers:
        """The layers that make the bins of one domain."""
        return BinLayers(
            config=self.config.bins_of(domain),
            seed=self.seed_bin_regressors[domain],  # type: ignore[arg-type]
            attractors=self.attractors[domain],  # type: ignore[arg-type]
            log_binomial=self.conditional_log_binomial[domain],  # type: ignore[arg-type]
        )

    def forward(self, taps: HeadTaps) -> BinsOutput:
        """Taps of any sizes -> metres (B,H,W), H and W those of ``taps.out_conv``; at least float32, also under autocast.

        ``taps.relative`` is not read.

        Raises:
            ValueError: not one pyramid map per entry of ``n_attractors``.
        """
        taps = channels_last(taps)
        bottleneck = self.conv2(taps.bottleneck)
        scores = at_least_float32(self.mlp_classifier(self.patch_transformer(bottleneck)))
        route = self.route(scores)
        if torch.compiler.is_exporting() or torch.jit.is_tracing():  # type: ignore[attr-defined,no-untyped-call]
            said = self._all_domains(taps, bottleneck, route)
        else:
            said = self._chosen_domains(taps, bottleneck, route)
        return replace(said, domain_scores=scores)

    def route(self, scores: Tensor) -> Tensor:
        """(B,domains) scores, no unit -> (B,) index of each picture's domain."""
        if self.config.routing == "batch":
            scores = scores.sum(dim=0, keepdim=True).expand_as(scores)
        return scores.argmax(dim=1)

    def _chosen_domains(self, taps: HeadTaps, bottleneck: Tensor, route: Tensor) -> BinsOutput:
        """Each domain is computed for the pictures sent to it, and for no others."""
        order, parts = [], []
        for index, domain in enumerate(self.config.domains):
            members = (route == index).nonzero()[:, 0]
            if len(members) > 0:
                order.append(members)
                parts.append(self._said(domain, _picked(taps, members), bottleneck[members]))
        return _in_order(parts, torch.cat(order).argsort())

    def _all_domains(self, taps: HeadTaps, bottleneck: Tensor, route: Tensor) -> BinsOutput:
        """The same numbers without a decision in Python, for graphs that must hold for any picture."""
        parts = [self._said(domain, taps, bottleneck) for domain in self.config.domains]
        pictures = torch.arange(route.shape[0], device=route.device)
        return _in_order(parts, route * route.shape[0] + pictures)  # len() would freeze the size of the batch

    def _said(self, domain: str, taps: HeadTaps, bottleneck: Tensor) -> BinsOutput:
        bins = self.bins(domain)
        projected = (project(one) for one, project in zip(taps.pyramid, self.projectors, strict=True))
        *_, (embedding, centers) = bins.levels(bottleneck, self.seed_projector(bottleneck), projected)
        return bins.read(taps.out_conv, embedding, centers)


def _picked(taps: HeadTaps, members: Tensor) -> HeadTaps:
    if len(members) == len(taps.out_conv):
        return taps
    return HeadTaps(
        out_conv=taps.out_conv[members],
        bottleneck=taps.bottleneck[members],
        pyramid=tuple(one[members] for one in taps.pyramid),
        relative=taps.relative[members],
    )


def _in_order(parts: list[BinsOutput], order: Tensor) -> BinsOutput:
    """Pictures ``order`` of the parts laid end to end."""
    maps = [torch.cat([part.distribution[index] for part in parts])[order] for index in range(2)]
    return BinsOutput(
        depth_m=torch.cat([part.depth_m for part in parts])[order],
        coarse_centers_m=torch.cat([part.coarse_centers_m for part in parts])[order],
        distribution=LogBinomial(*maps),
    )
