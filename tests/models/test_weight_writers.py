# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import StorageError, UsageError
from leadline.models.config import DepthModelConfig, v1_taps
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import (
    HeadConfig,
    MetricBinsHeadConfig,
    RelativeHeadConfig,
    RoutedBinsHeadConfig,
    SigmoidHeadConfig,
)
from leadline.models.presets import PRESETS, Preset
from leadline.models.weight_files import read_tensors
from leadline.models.weight_names import translate
from leadline.models.weight_writers import Layout, write_weights
from leadline.models.weights import load_model
from tests.models.hugging_face import randomised

RELEASED = MetricBinsHeadConfig(compat=True, attractor_kind="mean", min_temp=1.0)
CASES: dict[str, DepthModelConfig] = {
    "relative": DepthModelConfig(encoder="dinov2-toy", position_rule="size"),
    "giant's feed-forward": DepthModelConfig(encoder="dinov2-toy-swiglu", position_rule="size"),
    "v1": DepthModelConfig(encoder="dinov2-tiny", taps=v1_taps("dinov2-tiny"), position_rule="size"),
    "metric": DepthModelConfig(
        encoder="dinov2-toy", head=SigmoidHeadConfig(max_depth_m=80.0), decoder_features=24, position_rule="size"
    ),
    "zoedepth": DepthModelConfig(
        encoder="beit-toy", head=replace(RELEASED, bin_centers_type="normed", max_depth_m=80.0), interpolation="bilinear"
    ),
    "zoedepth of two domains": DepthModelConfig(
        encoder="beit-toy", head=RoutedBinsHeadConfig(compat=True, min_temp=1.0), interpolation="bilinear"
    ),
}


OFFICIAL = CASES | {"zoedepth on depth anything": DepthModelConfig(encoder="dinov2-toy", head=RELEASED)}


def built(config: DepthModelConfig) -> DepthModel:
    model: DepthModel = randomised(DepthModel(config))
    return model


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize("case", CASES)
def test_write_weights__a_hugging_face_folder_comes_back_as_it_was(case: str, tmp_path: Path) -> None:
    model = built(CASES[case])
    write_weights(model, tmp_path, layout="hugging-face")
    loaded = load_model(tmp_path)
    assert loaded.config == model.config
    assert same(model.state_dict(), loaded.state_dict())


@pytest.mark.parametrize("case", CASES)
def test_write_weights__transformers_opens_the_folder_and_gives_the_same_depth(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = built(CASES[case])
    write_weights(model, tmp_path, layout="hugging-face")
    peer, notes = transformers.AutoModelForDepthEstimation.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(notes[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    side = 64 if model.config.beit else 98
    torch.manual_seed(2)
    image = torch.randn(1, 3, side, 2 * side)
    with torch.inference_mode():
        wanted, got = model(image), peer.eval()(pixel_values=image).predicted_depth
    assert wanted.std() > 0.01 * wanted.max()
    assert (got - wanted).abs().max() < 1e-4 * wanted.abs().max()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("case", OFFICIAL)
def test_write_weights__the_official_layout_comes_back_as_it_was(case: str, suffix: str, tmp_path: Path) -> None:
    model = built(OFFICIAL[case])
    write_weights(model, tmp_path / f"w{suffix}", layout="official")
    assert same(model.state_dict(), translate(read_tensors(tmp_path / f"w{suffix}")))
    assert [one.name for one in tmp_path.iterdir()] == [f"w{suffix}"]


def test_write_weights__the_official_file_is_loaded_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = PRESETS["zoedepth-nyu-kitti"]
    small = Preset(
        **{name: getattr(preset, name) for name in preset.__dataclass_fields__}
        | {"config": CASES["zoedepth of two domains"]}
    )
    monkeypatch.setitem(PRESETS, preset.name, small)
    model = built(small.config)
    write_weights(model, tmp_path / "ZoeD_M12_NK.pt", layout="official")
    assert same(model.state_dict(), load_model(tmp_path / "ZoeD_M12_NK.pt").state_dict())


def test_write_weights__official_names_are_those_of_the_projects(tmp_path: Path) -> None:
    expected = {
        "relative": ("pretrained.blocks.0.attn.qkv.weight", "depth_head.scratch.refinenet1.out_conv.bias"),
        "zoedepth on depth anything": (
            "core.core.pretrained.pos_embed",
            "core.core.depth_head.projects.0.weight",
            "seed_bin_regressor._net.0.weight",
            "conditional_log_binomial.log_binomial_transform.k_idx",
        ),
        "zoedepth of two domains": (
            "core.core.pretrained.model.blocks.0.attn.relative_position_bias_table",
            "core.core.pretrained.act_postprocess4.0.project.0.weight",
            "core.core.pretrained.act_postprocess1.4.bias",
            "core.core.scratch.output_conv.4.weight",
            "core.core.scratch.layer1_rn.weight",
            "patch_transformer.transformer_encoder.layers.3.self_attn.in_proj_weight",
            "conditional_log_binomial.kitti.log_binomial_transform.K_minus_1",
            "mlp_classifier.2.bias",
        ),
    }
    for case, names in expected.items():
        write_weights(built(OFFICIAL[case]), tmp_path / "w.pth", layout="official")
        stored = torch.load(tmp_path / "w.pth", weights_only=True)
        assert set(names) <= stored.keys()


def test_write_weights__our_own_layout_is_a_checkpoint(tmp_path: Path) -> None:
    model = built(CASES["relative"])
    write_weights(model, tmp_path, layout="leadline")
    assert same(load_model(tmp_path).state_dict(), model.state_dict())


REFUSED: list[tuple[DepthModelConfig, str]] = [
    (DepthModelConfig(encoder="timm:resnet18"), "DINOv2 or BEiT"),
    (DepthModelConfig(encoder="dinov2-toy", feature_mode="stride8"), "feature_mode zoe"),
    (DepthModelConfig(encoder="beit-toy"), "ZoeDepth head on BEiT"),
]
HEADS_REFUSED: list[tuple[HeadConfig, str]] = [
    (SigmoidHeadConfig(max_depth_m=12.5), "whole metres"),
    (MetricBinsHeadConfig(attractor_type="exp"), "attraction inv"),
    (MetricBinsHeadConfig(attractor_alpha=100.0), "alpha 300"),
    (MetricBinsHeadConfig(bin_centers_type="hybrid1", compat=True), "softplus centres"),
    (MetricBinsHeadConfig(bin_centers_type="normed"), "with compat"),
    (RoutedBinsHeadConfig(n_attractors=(16, 8, 4, 1)), "16 attractors"),
]
REFUSED += [(DepthModelConfig(encoder="dinov2-toy", head=HEADS_REFUSED[0][0]), HEADS_REFUSED[0][1])]
REFUSED += [(DepthModelConfig(encoder="dinov2-toy", head=RELEASED), "BEiT below a ZoeDepth head")]
REFUSED += [(DepthModelConfig(encoder="beit-toy", head=head), said) for head, said in HEADS_REFUSED[1:]]


@pytest.mark.parametrize(("config", "said"), REFUSED)
def test_write_weights__what_transformers_would_compute_otherwise_is_refused(
    config: DepthModelConfig, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said) as refusal:
        write_weights(DepthModel(config), tmp_path / "out", layout="hugging-face")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layout", ["official", "hugging-face"])
def test_write_weights__other_layouts_know_no_upsampling_decoder(layout: Layout, tmp_path: Path) -> None:
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy", decoder="upsample"))
    with pytest.raises(UsageError, match=r"DPT decoder.* got decoder upsample; write it with layout leadline"):
        write_weights(model, tmp_path / "a.pth", layout=layout)
    assert not list(tmp_path.iterdir())


def test_write_weights__an_official_file_needs_a_suffix_and_an_official_encoder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ending in \.safetensors"):
        write_weights(built(CASES["relative"]), tmp_path / "w.bin", layout="official")
    with pytest.raises(UsageError, match="timm:resnet18"):
        write_weights(DepthModel(DepthModelConfig(encoder="timm:resnet18")), tmp_path / "w.pth", layout="official")


@pytest.mark.parametrize("layout", ["official", "hugging-face"])
def test_write_weights__a_place_that_cannot_be_written_is_one_line(layout: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another place") as refusal:
        write_weights(built(CASES["relative"]), tmp_path / "file" / "w.pth", layout=layout)  # type: ignore[arg-type]
    assert "\n" not in str(refusal.value)


def test_write_weights__a_file_that_is_there_survives_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "w.pth"
    target.write_text("before")

    def fails(_tensors: object, place: Path) -> None:
        place.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fails)
    with pytest.raises(StorageError, match="disk full"):
        write_weights(built(CASES["relative"]), target, layout="official")
    assert target.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["w.pth"]


def test_write_weights__the_config_is_plain_json(tmp_path: Path) -> None:
    write_weights(
        DepthModel(DepthModelConfig(encoder="dinov2-toy", head=RelativeHeadConfig())), tmp_path, layout="hugging-face"
    )
    said = json.loads((tmp_path / "config.json").read_text())
    assert said["model_type"] == "depth_anything"
    assert said["backbone_config"]["out_indices"] == [1, 2, 3, 4]
