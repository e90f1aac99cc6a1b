# SPDX-License-Identifier: Apache-2.0
"""A model's configuration enters, the values of a ``config.json`` from which ``transformers`` builds that network leave."""

from __future__ import annotations

from typing import Any

from leadline.contracts.errors import UsageError
from leadline.models.config import DepthModelConfig
from leadline.models.encoder_sizes import BeitSize, DinoSize
from leadline.models.head_config import (
    RELEASED_ALPHA,
    RELEASED_GAMMA,
    HeadConfig,
    MetricBinsHeadConfig,
    RelativeHeadConfig,
    RoutedBinsHeadConfig,
    SigmoidHeadConfig,
)
from leadline.models.heads.domain_router import ATTENTION_HEADS, FEED_FORWARD, LAYERS, WIDTH
from leadline.models.hugging_face_config import POSITION_RULE, backbone_values

# Ours and MiDaS's; the default of transformers, 1e-12, is neither.
_BEIT_NORM_EPS = 1e-6


def hugging_face_values(config: DepthModelConfig) -> dict[str, Any]:
    """JSON-ready values; ``hugging_face_config`` reads them back as ``config``, but for ``input_size``,
    ``interpolation`` and ``routing``, of which it says nothing.

    Raises:
        UsageError: ``transformers`` has no such network.
    """
    own = config.size or config.beit
    if own is None or config.feature_mode != "zoe":
        raise _none_such("DINOv2 or BEiT with feature_mode zoe", f"{config.encoder} with {config.feature_mode}")
    neck = {"neck_hidden_sizes": list(config.channels), "fusion_hidden_size": config.features}
    shared = neck | {"backbone_config": _backbone(own, config.taps or own.taps), POSITION_RULE: config.position_rule}
    if isinstance(config.head, RelativeHeadConfig | SigmoidHeadConfig):
        return shared | _depth_anything(own, config.head)
    if config.beit is None:  # its ZoeDepth builds one, but cannot run it: without class tokens its reassembly stops
        raise _none_such("BEiT below a ZoeDepth head", config.encoder)
    readout = {"readout_type": config.readout, "bottleneck_features": config.features}
    return shared | readout | _zoedepth(config.head)


def _backbone(own: DinoSize | BeitSize, taps: tuple[int, ...]) -> dict[str, Any]:
    stages = {"out_indices": [tap + 1 for tap in taps], "out_features": [f"stage{tap + 1}" for tap in taps]}
    values = backbone_values(own) | stages | {"reshape_hidden_states": False}
    if isinstance(own, BeitSize):
        return values | {"model_type": "beit", "use_relative_position_bias": True, "layer_norm_eps": _BEIT_NORM_EPS}
    return values | {"model_type": "dinov2", "apply_layernorm": True}


def _depth_anything(own: DinoSize | BeitSize, head: RelativeHeadConfig | SigmoidHeadConfig) -> dict[str, Any]:
    if isinstance(own, BeitSize):
        raise _none_such("a ZoeDepth head on BEiT", type(head).__name__)
    kind: dict[str, Any] = {"depth_estimation_type": "relative"}
    if isinstance(head, SigmoidHeadConfig):
        if head.max_depth_m != int(head.max_depth_m):
            raise _none_such("a max_depth_m in whole metres", str(head.max_depth_m))
        kind = {"depth_estimation_type": "metric", "max_depth": int(head.max_depth_m)}
    named = {"model_type": "depth_anything", "architectures": ["DepthAnythingForDepthEstimation"]}
    return named | kind | {"reassemble_hidden_size": own.dim, "patch_size": 14}


def _zoedepth(head: HeadConfig) -> dict[str, Any]:
    if not isinstance(head, MetricBinsHeadConfig | RoutedBinsHeadConfig):
        raise _none_such("metric bins", type(head).__name__)
    pulls = (head.attractor_type, head.attractor_alpha, head.attractor_gamma)
    released = head.compat or pulls[1:] == (RELEASED_ALPHA, RELEASED_GAMMA)
    if head.attractor_type != "inv" or not released:
        raise _none_such("attraction inv with alpha 300 and gamma 2", str(pulls))
    if head.bin_centers_type not in {"softplus", "normed"} or (head.bin_centers_type == "normed" and not head.compat):
        raise _none_such("softplus centres, or normed ones with compat", f"{head.bin_centers_type}, compat {head.compat}")
    routed = isinstance(head, RoutedBinsHeadConfig)
    if routed and set(head.n_attractors) != {16}:
        raise _none_such("16 attractors at every level of a routed head", str(head.n_attractors))
    return {
        "model_type": "zoedepth",
        "architectures": ["ZoeDepthForDepthEstimation"],
        "bin_configurations": _bins(head),
        "bin_centers_type": head.bin_centers_type,
        "bin_embedding_dim": head.bin_embedding_dim,
        "num_attractors": list(head.n_attractors),
        "attractor_kind": head.attractor_kind,
        "min_temp": head.min_temp,
        "max_temp": head.max_temp,
    } | (_router() if routed else {})


def _bins(head: MetricBinsHeadConfig | RoutedBinsHeadConfig) -> list[dict[str, Any]]:
    if isinstance(head, MetricBinsHeadConfig):
        return [{"name": "metric", "n_bins": head.n_bins, "min_depth": head.min_depth_m, "max_depth": head.max_depth_m}]
    ranges = zip(head.domains, head.min_depths_m, head.max_depths_m, strict=True)
    return [{"name": name, "n_bins": head.n_bins, "min_depth": near, "max_depth": far} for name, near, far in ranges]


def _router() -> dict[str, Any]:
    return {
        "num_patch_transformer_layers": LAYERS,
        "patch_transformer_hidden_size": WIDTH,
        "patch_transformer_intermediate_size": FEED_FORWARD,
        "patch_transformer_num_attention_heads": ATTENTION_HEADS,
    }


def _none_such(expected: str, got: str) -> UsageError:
    return UsageError(
        expected=f"a network that transformers has: {expected}", got=got, remedy="write it in our own layout, leadline"
    )
