# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from leadline.models.config import DepthModelConfig
from leadline.models.head_config import MetricBinsHeadConfig
from leadline.models.official_names import from_official, to_official

MIDAS = {
    "core.core.pretrained.model.cls_token": "encoder.cls_token",
    "core.core.pretrained.model.blocks.7.attn.q_bias": "encoder.blocks.7.attn.q_bias",
    "core.core.pretrained.act_postprocess2.0.project.0.weight": "decoder.readout_projects.1.0.weight",
    "core.core.pretrained.act_postprocess3.3.bias": "decoder.projects.2.bias",
    "core.core.pretrained.act_postprocess4.4.weight": "decoder.resize_layers.3.weight",
    "core.core.scratch.layer4_rn.weight": "decoder.scratch.layer4_rn.weight",
    "core.core.scratch.refinenet2.resConfUnit1.conv1.bias": "decoder.scratch.refinenet2.resConfUnit1.conv1.bias",
    "core.core.scratch.output_conv.0.weight": "decoder.scratch.output_conv1.weight",
    "core.core.scratch.output_conv.2.weight": "decoder.scratch.output_conv2.0.weight",
    "core.core.scratch.output_conv.4.bias": "decoder.scratch.output_conv2.2.bias",
    "mlp_classifier.0.weight": "head.mlp_classifier.0.weight",
    "attractors.nyu.0._net.2.bias": "head.attractors.nyu.0._net.2.bias",
}
IDLE = [
    "core.core.pretrained.model.head.weight",
    "core.core.pretrained.model.fc_norm.bias",
    "core.core.pretrained.model.blocks.0.attn.relative_position_index",
    "conditional_log_binomial.nyu.log_binomial_transform.k_idx",
]


def test_from_official__reads_zoedepth_on_midas_and_leaves_out_what_no_model_uses() -> None:
    assert from_official([*MIDAS, *IDLE]) == MIDAS


def test_from_official__reads_midas_without_a_metric_head() -> None:
    bare = {theirs.removeprefix("core.core."): ours for theirs, ours in MIDAS.items() if not ours.startswith("head.")}
    assert from_official(list(bare)) == bare


def test_from_official__keeps_the_encoders_of_others_and_does_not_guess() -> None:
    assert from_official(["blocks.0.norm1.weight", "norm.bias", "fc.weight"]) == {
        "blocks.0.norm1.weight": "encoder.blocks.0.norm1.weight",
        "norm.bias": "encoder.norm.bias",
        "fc.weight": "fc.weight",
    }
    assert from_official(["layer1.0.conv1.weight"]) is None
    assert from_official([]) is None


@pytest.mark.parametrize("encoder", ["beitl", "vitl"])
def test_to_official__is_the_way_back(encoder: str) -> None:
    config = DepthModelConfig(encoder=encoder, head=MetricBinsHeadConfig())
    ours = [name for name in MIDAS.values() if encoder == "beitl" or "readout" not in name]
    theirs = to_official(config, ours)
    assert from_official(list(theirs.values())) == {theirs[name]: name for name in ours}
    if encoder == "beitl":
        assert theirs == {name: official for official, name in MIDAS.items()}
