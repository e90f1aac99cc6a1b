# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.errors import WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.head_config import MetricBinsHeadConfig, RoutedBinsHeadConfig, SigmoidHeadConfig
from leadline.models.hugging_face_config import (
    CONFIG,
    hugging_face_config,
    is_hugging_face_folder,
    read_hugging_face_config,
)
from leadline.models.presets import PRESETS
from tests.models.hugging_face import KITTI, NYU

# The values of published files that differ from the defaults of transformers.
SMALL = {
    "model_type": "depth_anything",
    "backbone_config": {"model_type": "dinov2", "hidden_size": 384, "num_attention_heads": 6, "image_size": 518},
    "neck_hidden_sizes": [48, 96, 192, 384],
    "fusion_hidden_size": 64,
}
V2_STAGES = {"out_indices": [3, 6, 9, 12]}
LARGE: dict[str, Any] = {
    "model_type": "zoedepth",
    "neck_hidden_sizes": [256, 512, 1024, 1024],
    "fusion_hidden_size": 256,
    "bottleneck_features": 256,
}


def small(**stages: Any) -> dict[str, Any]:
    return SMALL | {"backbone_config": SMALL["backbone_config"] | stages}  # type: ignore[operator]


def test_hugging_face_config__tells_v1_from_v2_and_relative_from_metric() -> None:
    assert hugging_face_config(small(**V2_STAGES)) == PRESETS["depth-anything-v2-small"].config
    assert hugging_face_config(small(out_indices=[9, 10, 11, 12])) == PRESETS["depth-anything-v1-small"].config
    stages = {"out_features": ["stage9", "stage10", "stage11", "stage12"]}
    assert hugging_face_config(small(**stages)) == PRESETS["depth-anything-v1-small"].config
    metric = small(**V2_STAGES) | {"depth_estimation_type": "metric", "max_depth": 80}
    assert hugging_face_config(metric) == PRESETS["depth-anything-v2-metric-outdoor-small"].config
    assert hugging_face_config(metric).head == SigmoidHeadConfig(max_depth_m=80.0)


def test_hugging_face_config__zoedepths_default_backbone_is_beit_large() -> None:
    config = hugging_face_config(LARGE | {"bin_configurations": [NYU, KITTI]})
    assert config == DepthModelConfig(encoder="beitl", head=RoutedBinsHeadConfig(compat=True), interpolation="bilinear")
    one = hugging_face_config(LARGE | {"bin_configurations": [KITTI], "bin_centers_type": "normed"})
    assert isinstance(one.head, MetricBinsHeadConfig)
    assert (one.head.max_depth_m, one.head.bin_centers_type, one.head.compat) == (80.0, "normed", True)


def test_hugging_face_config__our_own_entry_says_how_positions_are_brought_to_size() -> None:
    assert hugging_face_config(small(**V2_STAGES) | {"leadline_position_rule": "size"}).position_rule == "size"


OTHERS: list[tuple[dict[str, Any], str]] = [
    (small() | {"model_type": "dpt"}, "depth_anything or zoedepth"),
    (small() | {"head_hidden_size": 64}, "head_hidden_size 32"),
    (small() | {"reassemble_factors": [4, 2, 1, 1]}, "reassemble_factors"),
    (small(hidden_size=100), "hidden_size 100"),
    (small(model_type="swinv2"), "dinov2 or beit"),
    (small(patch_size=16), "backbone"),
    (small(apply_layernorm=False), "apply_layernorm True"),
    (LARGE | {"readout_type": "ignore"}, "readout_type"),
    (LARGE | {"add_projection": True}, "add_projection False"),
    (LARGE | {"bin_configurations": [NYU, KITTI | {"n_bins": 32}]}, "the same for all domains"),
]


@pytest.mark.parametrize(("values", "said"), OTHERS)
def test_hugging_face_config__another_network_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(WeightsError, match=said) as refusal:
        hugging_face_config(values)
    assert "\n" not in str(refusal.value)


DAMAGED = [
    "",
    "[]",
    "{",
    "[" * 100_000,
    '{"model_type": "depth_anything", "backbone_config": 7}',
    '{"model_type": "depth_anything", "backbone_config": {"out_indices": "all"}}',
    '{"model_type": ["depth_anything"]}',
    '{"model_type": "zoedepth", "bin_configurations": [{"n_bins": "many"}]}',
    '{"model_type": "zoedepth", "bin_configurations": [{"n_bins": 1, "min_depth": 1, "max_depth": 10}]}',
    '{"model_type": "depth_anything", "depth_estimation_type": "metric", "max_depth": -3}',
    '{"model_type": "depth_anything", "neck_hidden_sizes": [1]}',
]


@pytest.mark.parametrize("text", DAMAGED)
def test_read_hugging_face_config__damage_is_one_line_naming_the_file(text: str, tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(WeightsError, match="config.json") as refusal:  # noqa: RUF043
        read_hugging_face_config(tmp_path / CONFIG)
    assert "\n" not in str(refusal.value)


def test_is_hugging_face_folder__needs_a_depth_models_config(tmp_path: Path) -> None:
    assert not is_hugging_face_folder(tmp_path)
    for values, expected in ((SMALL, True), (LARGE, True), ({"model_type": "bert"}, False), ([], False), ({}, False)):
        (tmp_path / CONFIG).write_text(json.dumps(values))
        assert is_hugging_face_folder(tmp_path) is expected
    (tmp_path / CONFIG).write_text('{"model_type": ["a"]}')
    assert not is_hugging_face_folder(tmp_path)
