# SPDX-License-Identifier: Apache-2.0
"""Small networks of ``transformers`` with random weights, and the sizes they are tried at."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from leadline.models.encoder_sizes import BEIT_SIZES, DINOV2_SIZES
from leadline.models.hugging_face_config import backbone_values

NYU = {"name": "nyu", "n_bins": 64, "min_depth": 1e-3, "max_depth": 10.0}
KITTI = {"name": "kitti", "n_bins": 64, "min_depth": 1e-3, "max_depth": 80.0}
ROUTER = {
    "num_patch_transformer_layers": 4,
    "patch_transformer_hidden_size": 128,
    "patch_transformer_intermediate_size": 1024,
    "patch_transformer_num_attention_heads": 4,
}
STAGES = ["stage1", "stage2", "stage3", "stage4"]


def depth_anything(encoder: str = "dinov2-toy", **options: Any) -> Any:
    """DepthAnything of one of our sizes, every weight random."""
    transformers = pytest.importorskip("transformers")
    size = DINOV2_SIZES[encoder]
    config = transformers.DepthAnythingConfig(
        backbone_config=transformers.Dinov2Config(
            out_indices=[tap + 1 for tap in size.taps],
            reshape_hidden_states=False,
            apply_layernorm=True,
            **backbone_values(size),
        ),
        reassemble_hidden_size=size.dim,
        neck_hidden_sizes=list(size.channels),
        fusion_hidden_size=size.features,
        **options,
    )
    return randomised(transformers.DepthAnythingForDepthEstimation(config))


def zoedepth(bins: list[dict[str, Any]], encoder: str = "beit-toy", **options: Any) -> Any:
    """ZoeDepth on BEiT of one of our sizes, every weight random."""
    transformers = pytest.importorskip("transformers")
    size = BEIT_SIZES[encoder]
    backbone = transformers.BeitConfig(
        use_relative_position_bias=True,
        layer_norm_eps=1e-6,  # as timm and MiDaS have it; the default of transformers is 1e-12
        reshape_hidden_states=False,
        out_indices=[tap + 1 for tap in size.taps],
        **backbone_values(size),
    )
    config = transformers.ZoeDepthConfig(
        backbone_config=backbone,
        neck_hidden_sizes=list(size.channels),
        fusion_hidden_size=size.features,
        bottleneck_features=size.features,
        bin_configurations=bins,
        **(ROUTER if len(bins) > 1 else {}),
        **options,
    )
    return randomised(transformers.ZoeDepthForDepthEstimation(config))


def randomised(network: Any) -> Any:
    """Its own start is so small that a lost tensor would not show."""
    torch.manual_seed(0)
    for name, parameter in network.named_parameters():
        is_norm = "norm" in name and name.endswith("weight")
        wide = parameter.ndim > 1 and "token" not in name and "table" not in name
        spread = 1.4 / parameter[0].numel() ** 0.5 if wide else 0.3
        torch.nn.init.normal_(parameter, mean=1.0 if is_norm else 0.0, std=0.1 if is_norm else spread)
    return network.eval()
