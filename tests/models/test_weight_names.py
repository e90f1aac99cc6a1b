# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.encoder_sizes import DINOV2_SIZES
from leadline.models.head_config import MetricBinsHeadConfig
from leadline.models.weight_names import is_ours, translate
from tests.models.official import official_names

SIZE = DINOV2_SIZES["dinov2-toy"]


def toy(encoder: str = "dinov2-toy") -> DepthModel:
    return DepthModel(DepthModelConfig(encoder=encoder, position_rule="size")).eval()


def test_translate__official_names_map_one_to_one() -> None:
    own = toy().state_dict()
    official = {name: own[ours] for ours, name in official_names(toy()).items()}
    got = translate(official)
    assert got.keys() == own.keys()
    assert all(got[name] is own[name] for name in own)
    assert translate({"depth_head.projects.0.bias": torch.ones(1)}).keys() == {"decoder.projects.0.bias"}


def test_translate__the_hub_has_an_encoder_only() -> None:
    own = {name: value for name, value in toy().state_dict().items() if name.startswith("encoder.")}
    assert translate({name.removeprefix("encoder."): value for name, value in own.items()}).keys() == own.keys()


def test_translate__zoedepth_carries_its_core_and_derived_counters() -> None:
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy", head=MetricBinsHeadConfig()))
    own = model.state_dict()
    foreign = {
        name.replace("encoder.", "core.core.pretrained.", 1)
        .replace("decoder.", "core.core.depth_head.", 1)
        .removeprefix("head."): value
        for name, value in own.items()
    }
    foreign["conditional_log_binomial.log_binomial_transform.k_idx"] = torch.arange(64)
    assert translate(foreign).keys() == own.keys()


def test_translate__leaves_our_own_and_unknown_names_alone() -> None:
    own = toy().state_dict()
    assert is_ours(own)
    assert translate(own) is own
    strange = {"features.0.weight": torch.ones(1)}
    assert not is_ours(strange)
    assert translate(strange) is strange


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["encoder.norm.weight"], True),
        (["encoder.norm.weight", "head.x"], True),
        (["encoder.norm.weight", "fc.x"], False),
        (["decoder.x", "head.x"], False),
        ([], False),
    ],
)
def test_is_ours__needs_our_names_throughout_and_an_encoder(names: list[str], *, expected: bool) -> None:
    assert is_ours({name: torch.ones(1) for name in names}) == expected


@pytest.mark.parametrize("encoder", ["dinov2-toy", "dinov2-toy-swiglu"])
@pytest.mark.parametrize("size", [(98, 126), (518, 518)])
def test_translate__a_hugging_face_network_gives_the_same_depth(encoder: str, size: tuple[int, int]) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    backbone = transformers.Dinov2Config(
        hidden_size=SIZE.dim,
        num_attention_heads=SIZE.heads,
        num_hidden_layers=SIZE.depth,
        image_size=518,
        patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
        apply_layernorm=True,
        use_swiglu_ffn=encoder.endswith("swiglu"),
    )
    peer = transformers.DepthAnythingForDepthEstimation(
        transformers.DepthAnythingConfig(
            backbone_config=backbone,
            reassemble_hidden_size=SIZE.dim,
            neck_hidden_sizes=list(SIZE.channels),
            fusion_hidden_size=SIZE.features,
        )
    ).eval()
    for parameter in peer.parameters():  # its own start is so small that a lost tensor would not show
        torch.nn.init.normal_(parameter, std=0.2)
    model = toy(encoder)
    model.load_state_dict(translate(peer.state_dict()))
    image = torch.randn(1, 3, *size)
    with torch.inference_mode():
        wanted = peer(pixel_values=image).predicted_depth
        got = model(image)
    assert wanted.std() > 0.01
    torch.testing.assert_close(got, wanted, atol=2e-4 * float(wanted.abs().max()), rtol=0)


RELEASED = {
    "backbone.encoder.layer.3.attention.attention.query.weight": "encoder.blocks.3.attn.qkv.weight",
    "backbone.encoder.layer.3.attention.output.dense.bias": "encoder.blocks.3.attn.proj.bias",
    "backbone.encoder.layer.3.mlp.weights_in.weight": "encoder.blocks.3.mlp.w12.weight",
    "backbone.encoder.layer.3.mlp.weights_out.weight": "encoder.blocks.3.mlp.w3.weight",
    "neck.fusion_stage.layers.0.residual_layer1.convolution2.bias": "decoder.scratch.refinenet4.resConfUnit1.conv2.bias",
    "neck.convs.0.weight": "decoder.scratch.layer1_rn.weight",
}


@pytest.mark.parametrize("name", RELEASED)
def test_translate__knows_the_names_of_released_hugging_face_files(name: str) -> None:
    tensors = {"backbone.embeddings.cls_token": torch.ones(1), name: torch.ones(2)}
    assert translate(tensors).keys() == {"encoder.cls_token", RELEASED[name]}


def test_translate__stacks_query_key_and_value_in_that_order() -> None:
    names = {"value": 3.0, "query": 1.0, "key": 2.0}
    tensors = {f"backbone.encoder.layer.0.attention.attention.{name}.bias": torch.tensor([v]) for name, v in names.items()}
    got = translate(tensors | {"backbone.embeddings.cls_token": torch.ones(1)})
    assert got["encoder.blocks.0.attn.qkv.bias"].tolist() == [1.0, 2.0, 3.0]


def test_translate__refuses_two_hugging_face_names_for_one_tensor() -> None:
    names = ("backbone.embeddings.cls_token", "encoder.cls_token")
    with pytest.raises(WeightsError, match=r"which both are 'encoder\.cls_token'"):
        translate({name: torch.ones(1) for name in names})
