# SPDX-License-Identifier: Apache-2.0
"""The stored ZoeDepth head: its weights, its inputs and what the released code made of them."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor

from leadline.models.head_config import AttractorKind, AttractorType, BinCentersType, MetricBinsHeadConfig
from leadline.models.heads.metric_bins import MetricBinsHead
from leadline.models.heads.taps import HeadTaps
from tests.shared_paths import stored as stored_arrays

FEATURES = 64
Name = Literal["zoe_head", "zoe_units", "zoe_end_to_end", "zoe_nk"]


def stored(name: Name) -> dict[str, Tensor]:
    return {key: torch.from_numpy(array) for key, array in stored_arrays(name).items()}


def taps(arrays: dict[str, Tensor]) -> HeadTaps:
    return HeadTaps(
        out_conv=arrays["in.out_conv"],
        bottleneck=arrays["in.l4_rn"],
        pyramid=tuple(arrays[f"in.r{level}"] for level in (4, 3, 2, 1)),
        relative=arrays["in.rel_depth"],
    )


def config(case: str) -> MetricBinsHeadConfig:
    """``case`` is e.g. "softplus.sum.inv.T0.0212"; alpha and gamma are those the released code was given and ignored."""
    centers, kind, attraction, temperature = case.split(".", 3)
    return MetricBinsHeadConfig(
        bin_centers_type=cast("BinCentersType", centers),
        attractor_kind=cast("AttractorKind", kind),
        attractor_type=cast("AttractorType", attraction),
        attractor_alpha=1000.0,
        attractor_gamma=4,
        min_temp=float(temperature.removeprefix("T")),
        compat=True,
    )


def weights(arrays: dict[str, Tensor], *, bounded: bool) -> dict[str, Tensor]:
    prefixes = ("w.", "w_bounded.") if bounded else ("w.",)
    return {key.removeprefix(p): value for p in prefixes for key, value in arrays.items() if key.startswith(p)}


def head(arrays: dict[str, Tensor], options: MetricBinsHeadConfig) -> MetricBinsHead:
    built = MetricBinsHead(options, FEATURES)
    built.load_state_dict(weights(arrays, bounded=built.bins.bounded))
    return built.eval()
