# SPDX-License-Identifier: Apache-2.0
"""What turns a decoder's maps into depth: names and numbers enter, checked and frozen descriptions of heads leave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from leadline.contracts.errors import require
from leadline.models.requirements import correct, require_one_of

LEVELS = 4  # a DPT decoder eats four maps, whatever made them, and a metric-bins head reads as many
# What the released ZoeDepth computes whatever its configuration says: its layers never hand alpha and gamma on.
RELEASED_ALPHA, RELEASED_GAMMA = 300.0, 2
RELEASED_MIN_TEMP = 0.0212  # of its configuration's, while the default of its code is 5

BinCentersType = Literal["normed", "softplus", "hybrid1", "hybrid2"]
AttractorKind = Literal["sum", "mean"]
AttractorType = Literal["inv", "exp"]
Routing = Literal["sample", "batch"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RelativeHeadConfig:
    """The plain Depth Anything head: affine-invariant disparity, no options."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SigmoidHeadConfig:
    """The metric Depth Anything V2 head, ``max_depth_m * sigmoid(logit)``.

    Attributes:
        max_depth_m: metres at the far end; 20 for the Hypersim release, 80 for the Virtual KITTI one.
    """

    max_depth_m: float = 20.0

    def __post_init__(self) -> None:
        require(0 < self.max_depth_m < math.inf, "a finite max_depth_m above 0", self.max_depth_m, correct())


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricBinsHeadConfig:
    """ZoeDepth's metric-bins head (Bhat et al. 2023, arXiv 2302.12288).

    Attributes:
        n_bins: bins per pixel.
        bin_centers_type: bounded seed and attractors ("normed"), neither ("softplus"), only the seed ("hybrid1"), only the
            attractors ("hybrid2").
        bin_embedding_dim: channels of the bin embedding.
        min_depth_m, max_depth_m: metres; the range of bounded bins and of the training mask.
        n_attractors: attractors per level, coarse to fine.
        attractor_alpha, attractor_gamma: inverse strength and exponent of the attraction.
        attractor_kind: "sum" or "mean" over the attractors.
        attractor_type: "inv" is dx / (1 + alpha dx^gamma), "exp" is exp(-alpha |dx|^gamma) dx.
        min_temp, max_temp: range of the temperature of the log-binomial.
        compat: pin what the released code does: alpha 300, gamma 2, and bounded attractors that use the raw first channel.
    """

    n_bins: int = 64
    bin_centers_type: BinCentersType = "softplus"
    bin_embedding_dim: int = 128
    min_depth_m: float = 1e-3
    max_depth_m: float = 10.0
    n_attractors: tuple[int, ...] = (16, 8, 4, 1)
    attractor_alpha: float = RELEASED_ALPHA
    attractor_gamma: int = RELEASED_GAMMA
    attractor_kind: AttractorKind = "sum"
    attractor_type: AttractorType = "inv"
    min_temp: float = 5.0
    max_temp: float = 50.0
    compat: bool = False

    def __post_init__(self) -> None:
        require(self.n_bins >= 2, "at least 2 bins", self.n_bins, correct("n_bins"))
        depths = (self.min_depth_m, self.max_depth_m)
        require(0 < self.min_depth_m < self.max_depth_m < math.inf, "0 < min_depth_m < max_depth_m", depths, correct())
        temps = (self.min_temp, self.max_temp)
        require(
            0 < self.min_temp <= self.max_temp < math.inf, "0 < min_temp <= max_temp", temps, correct("min_temp", "max_temp")
        )
        require(
            self.bin_embedding_dim >= 1,
            "bin_embedding_dim of at least 1",
            self.bin_embedding_dim,
            correct("bin_embedding_dim"),
        )
        require(
            0 < self.attractor_alpha < math.inf, "attractor_alpha above 0", self.attractor_alpha, correct("attractor_alpha")
        )
        require(self.attractor_gamma >= 1, "attractor_gamma of at least 1", self.attractor_gamma, correct("attractor_gamma"))
        levels_fit = len(self.n_attractors) == LEVELS and min(self.n_attractors) >= 1
        require(
            levels_fit,
            f"{LEVELS} attractor counts of at least 1, coarse to fine",
            self.n_attractors,
            correct("n_attractors"),
        )
        require_one_of(self.bin_centers_type, get_args(BinCentersType))
        require_one_of(self.attractor_kind, get_args(AttractorKind))
        require_one_of(self.attractor_type, get_args(AttractorType))


@dataclass(frozen=True, kw_only=True, slots=True)
class RoutedBinsHeadConfig:
    """ZoeDepth NK: one set of metric bins per domain, and a classifier that chooses among them (arXiv 2302.12288).

    Attributes:
        domains: names of the sets, in the order of the classifier's outputs.
        n_bins: bins per pixel, as many in every domain.
        min_depths_m, max_depths_m: of each domain, in that order, metres.
        bin_centers_type, bin_embedding_dim, n_attractors, attractor_alpha, attractor_gamma, attractor_kind, attractor_type,
            min_temp, max_temp, compat: as in ``MetricBinsHeadConfig``, the same for all domains.  The released model has 16
            attractors at every level: its code hands its list on as the number of levels only.
        routing: "sample" chooses for every picture by itself; "batch" sums the scores of a batch and sends all of it one
            way, as the released code does, so that an answer depends on the pictures beside it.
    """

    domains: tuple[str, ...] = ("nyu", "kitti")
    n_bins: int = 64
    min_depths_m: tuple[float, ...] = (1e-3, 1e-3)
    max_depths_m: tuple[float, ...] = (10.0, 80.0)
    bin_centers_type: BinCentersType = "softplus"
    bin_embedding_dim: int = 128
    n_attractors: tuple[int, ...] = (16, 16, 16, 16)
    attractor_alpha: float = RELEASED_ALPHA
    attractor_gamma: int = RELEASED_GAMMA
    attractor_kind: AttractorKind = "mean"
    attractor_type: AttractorType = "inv"
    min_temp: float = RELEASED_MIN_TEMP
    max_temp: float = 50.0
    compat: bool = False
    routing: Routing = "sample"

    def __post_init__(self) -> None:
        named = len(self.domains) >= 2 and len(set(self.domains)) == len(self.domains)
        # a domain names a part of a network, whose name may hold neither a dot nor nothing
        require(
            named and all(name.isidentifier() for name in self.domains),
            "two or more different names",
            self.domains,
            correct(),
        )
        for values in (self.min_depths_m, self.max_depths_m):
            require(len(values) == len(self.domains), f"one value for each of {', '.join(self.domains)}", values, correct())
        require_one_of(self.routing, get_args(Routing))
        require(self.bin_embedding_dim % 2 == 0, "an even bin_embedding_dim", self.bin_embedding_dim, correct())
        for name in self.domains:
            self.bins_of(name)

    @property
    def max_depth_m(self) -> float:
        """The farthest end of any domain, metres."""
        return max(self.max_depths_m)

    def bins_of(self, domain: str) -> MetricBinsHeadConfig:
        """The bins of one domain."""
        index = self.domains.index(domain)
        return MetricBinsHeadConfig(
            n_bins=self.n_bins,
            min_depth_m=self.min_depths_m[index],
            max_depth_m=self.max_depths_m[index],
            bin_centers_type=self.bin_centers_type,
            bin_embedding_dim=self.bin_embedding_dim,
            n_attractors=self.n_attractors,
            attractor_alpha=self.attractor_alpha,
            attractor_gamma=self.attractor_gamma,
            attractor_kind=self.attractor_kind,
            attractor_type=self.attractor_type,
            min_temp=self.min_temp,
            max_temp=self.max_temp,
            compat=self.compat,
        )


HeadConfig = RelativeHeadConfig | SigmoidHeadConfig | MetricBinsHeadConfig | RoutedBinsHeadConfig
HEADS: dict[str, type[HeadConfig]] = {
    "relative": RelativeHeadConfig,
    "sigmoid": SigmoidHeadConfig,
    "metric_bins": MetricBinsHeadConfig,
    "routed_bins": RoutedBinsHeadConfig,
}
