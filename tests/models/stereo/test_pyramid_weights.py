# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import LeadlineError, WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.official_names import to_official
from leadline.models.stereo.adaptation import apply_policy
from leadline.models.stereo.adaptation_config import FULL, AdaptationConfig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.pyramid import FeaturePyramid, build_pyramid
from leadline.models.stereo.pyramid_weights import load_pyramid
from leadline.models.weights import save_model
from tests.models.official import ABSENT, PARTIAL, small_weights
from tests.shared_paths import shared

HALVING = "neck.resize_layers.3.weight"


def toy(encoder: str = "dinov2-toy", seed: int = 0, **choices: object) -> FeaturePyramid:
    torch.manual_seed(seed)
    return build_pyramid(PyramidConfig(encoder=encoder, **choices)).eval()  # type: ignore[arg-type]


def depth_model(seed: int = 1, encoder: str = "dinov2-toy") -> DepthModel:
    torch.manual_seed(seed)
    return DepthModel(DepthModelConfig(encoder=encoder)).eval()


def official(model: DepthModel) -> dict[str, Tensor]:
    names = to_official(model.config, list(model.state_dict()))
    return {names[name]: one for name, one in model.state_dict().items()}


def written(folder: Path, content: object) -> Path:
    torch.save(content, folder / "weights.pth")
    return folder / "weights.pth"


def same(pyramid: FeaturePyramid, model: DepthModel) -> None:
    for name, one in pyramid.state_dict().items():
        theirs = name.replace("backbone.", "encoder.", 1).replace("neck.", "decoder.", 1)
        assert torch.equal(one, model.state_dict()[theirs]), name


@pytest.mark.parametrize("wrapper", [None, "model", "state_dict", "model_params"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_load_pyramid__reads_depth_anything_bare_or_wrapped(tmp_path: Path, wrapper: str | None, prefix: str) -> None:
    model = depth_model()
    tensors = {prefix + name: one for name, one in official(model).items()}
    beside = {("depth", 0): 3, "epoch": 4}  # TiO-Depth's files have names that are tuples
    pyramid = toy()
    report = load_pyramid(pyramid, written(tmp_path, {wrapper: tensors} | beside if wrapper else tensors), strict=True)
    same(pyramid, model)
    assert set(report.loaded) == set(pyramid.state_dict())
    assert report.loaded_numbers == report.numbers == sum(one.numel() for one in pyramid.state_dict().values())
    assert "neck.scratch.layer1_rn.weight" in report.unexpected


def test_load_pyramid__reads_our_own_checkpoint_folder_and_file(tmp_path: Path) -> None:
    model = depth_model()
    save_model(tmp_path / "run" / "checkpoint_best", model)
    for place in ("run", "run/checkpoint_best", "run/checkpoint_best/model.safetensors"):
        pyramid = toy(pyramid_source="fused")
        load_pyramid(pyramid, tmp_path / place, strict=True)
        same(pyramid, model)


def test_load_pyramid__reads_raw_dinov2_and_leaves_the_neck(tmp_path: Path) -> None:
    model = depth_model()
    raw = {name.removeprefix("encoder."): one for name, one in model.state_dict().items() if name.startswith("encoder.")}
    pyramid = toy()
    before = {name: one.clone() for name, one in pyramid.neck.state_dict().items()}
    report = load_pyramid(pyramid, written(tmp_path, raw))
    assert (
        {name for name in report.missing if name.startswith("neck.")} == set(report.missing) == {f"neck.{n}" for n in before}
    )
    assert all(torch.equal(one, before[name]) for name, one in pyramid.neck.state_dict().items())
    assert all(torch.equal(one, raw[name]) for name, one in pyramid.backbone.state_dict().items())
    assert not report.notes


def test_load_pyramid__reports_counts_and_both_shapes_of_a_misfit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tensors = official(depth_model())
    del tensors["pretrained.norm.bias"]
    tensors["depth_head.projects.0.weight"] = torch.zeros(5, 32, 1, 1)
    tensors["pretrained.cls_token"] = torch.zeros(1, 1, 32, dtype=torch.int64)
    pyramid = toy()
    kept = pyramid.get_parameter("neck.projects.0.weight").clone()
    with caplog.at_level(logging.WARNING):
        report = load_pyramid(pyramid, written(tmp_path, tensors))
    assert report.missing == ("backbone.norm.bias",)
    assert report.mismatched["neck.projects.0.weight"] == "(5, 32, 1, 1), not (8, 32, 1, 1)"
    assert set(report.mismatched) == {"neck.projects.0.weight", "backbone.cls_token"}
    assert torch.equal(pyramid.get_parameter("neck.projects.0.weight"), kept)
    count, numbers = len(pyramid.state_dict()), sum(one.numel() for one in pyramid.state_dict().values())
    said = (
        f"{count - 3}/{count} tensors, {numbers - 32 - 256 - 32}/{numbers} parameters loaded, 1 missing (backbone.norm.bias)"
    )
    assert said in caplog.text
    assert "neck.projects.0.weight (5, 32, 1, 1), not (8, 32, 1, 1)" in str(report)


def test_load_pyramid__interpolates_positions_of_another_grid(tmp_path: Path) -> None:
    tensors = official(depth_model())
    tensors["pretrained.pos_embed"] = torch.rand(1, 1 + 16 * 16, 32)
    pyramid = toy()
    report = load_pyramid(pyramid, written(tmp_path, tensors), strict=True)
    assert report.notes == ("position embeddings resampled from 16x16 to 37x37",)
    assert torch.equal(pyramid.backbone.pos_embed[:, 0], tensors["pretrained.pos_embed"][:, 0])  # type: ignore[index]
    assert 0.2 < float(pyramid.backbone.pos_embed.detach().std()) < 0.35  # type: ignore[operator]


@pytest.mark.parametrize("lost", ["absent", "other shape"])
def test_load_pyramid__starts_a_lost_halving_layer_as_a_blur(tmp_path: Path, lost: str) -> None:
    tensors = official(depth_model())
    del tensors[ABSENT]
    if lost == "other shape":
        tensors[ABSENT] = torch.zeros(3, 3, 1, 1)
    pyramid = toy()
    report = load_pyramid(pyramid, written(tmp_path, tensors))
    assert report.notes == (f"{HALVING} starts as a blur of each channel",)
    assert HALVING in (report.missing if lost == "absent" else report.mismatched)
    assert HALVING not in report.loaded
    halving = pyramid.get_submodule("neck.resize_layers.3")
    bias = pyramid.get_parameter("neck.resize_layers.3.bias")
    constant = torch.arange(24.0)[None, :, None, None].expand(1, 24, 7, 9)
    inside = halving(constant)[..., 1:-1, 1:-1] - bias[:, None, None]
    torch.testing.assert_close(inside, constant[..., : inside.shape[-2], : inside.shape[-1]])


@pytest.mark.parametrize(
    ("encoder", "said"),
    [("dinov2-nano", "(32,), not (96,)"), ("swin-toy", "other tensors, such as"), ("resnet18", "other tensors, such as")],
)
def test_load_pyramid__refuses_a_checkpoint_of_another_encoder_and_changes_nothing(
    tmp_path: Path, encoder: str, said: str
) -> None:
    pyramid = toy(encoder)
    before = {name: one.clone() for name, one in pyramid.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_pyramid(pyramid, written(tmp_path, official(depth_model())))
    assert f"weights of encoder {encoder}, at least 50% of its backbone" in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(one, before[name]) for name, one in pyramid.state_dict().items())


def test_load_pyramid__asks_for_the_share_of_the_backbone_it_was_told(tmp_path: Path) -> None:
    model = depth_model()
    positions = model.state_dict()["encoder.pos_embed"].numel()
    total = sum(one.numel() for name, one in toy().state_dict().items() if name.startswith("backbone."))
    path = written(tmp_path, {"pretrained.pos_embed": model.state_dict()["encoder.pos_embed"]})
    share = positions / total
    assert load_pyramid(toy(), path, least_share=share - 0.01).loaded == ("backbone.pos_embed",)
    with pytest.raises(WeightsError, match=f"with {share:.0%}"):
        load_pyramid(toy(), path, least_share=share + 0.01)
    nothing = written(tmp_path, {"elsewhere": torch.zeros(3)})
    with pytest.raises(WeightsError, match="1 other tensors, such as elsewhere"):
        load_pyramid(toy(), nothing, least_share=0.0)


def test_load_pyramid__strict_refuses_a_file_with_a_gap(tmp_path: Path) -> None:
    tensors = official(depth_model())
    del tensors["depth_head.projects.2.bias"]
    path = written(tmp_path, tensors)
    assert load_pyramid(toy(), path).missing == ("neck.projects.2.bias",)
    pyramid = toy()
    before = pyramid.state_dict()["neck.projects.1.bias"].clone()
    with pytest.raises(WeightsError, match="every tensor of the pyramid of dinov2-toy"):
        load_pyramid(pyramid, path, strict=True)
    assert torch.equal(pyramid.state_dict()["neck.projects.1.bias"], before)


def test_load_pyramid__says_in_one_line_that_a_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(LeadlineError, match=r"nowhere\.pth") as caught:
        load_pyramid(toy(), tmp_path / "nowhere.pth")
    assert "\n" not in str(caught.value)


def test_load_pyramid__fits_before_and_after_a_policy(tmp_path: Path) -> None:
    model = depth_model()
    path = written(tmp_path, official(model))
    pyramid = toy()
    apply_policy(pyramid, backbone=AdaptationConfig(kind="lora"), neck=FULL)
    assert not load_pyramid(pyramid, path, strict=True).missing
    held = {name: one for name, one in pyramid.state_dict().items() if "lora_" not in name}
    assert all(torch.equal(one, held[name]) for name, one in toyed(model).items())


def toyed(model: DepthModel) -> dict[str, Tensor]:
    return {
        name.replace("encoder.", "backbone.", 1): one
        for name, one in model.state_dict().items()
        if name.startswith("encoder.")
    }


def test_load_pyramid__takes_additions_along_or_says_that_it_leaves_them(tmp_path: Path) -> None:
    adapted = toy(seed=3)
    apply_policy(adapted, backbone=AdaptationConfig(kind="lora"), neck=FULL)
    torch.nn.init.normal_(adapted.get_parameter("backbone.blocks.1.attn.qkv.lora_up"))
    path = written(tmp_path, adapted.state_dict())
    again = toy()
    apply_policy(again, backbone=AdaptationConfig(kind="lora"), neck=FULL)
    assert not load_pyramid(again, path, strict=True).notes
    assert all(torch.equal(one, adapted.state_dict()[name]) for name, one in again.state_dict().items())
    assert "low-rank additions are left out" in str(load_pyramid(toy(), path))


def test_load_pyramid__tells_that_tio_depth_normalises_otherwise(tmp_path: Path) -> None:
    torch.manual_seed(2)
    tensors = {name.replace("backbone.", "0.", 1): one for name, one in toy("swin-toy").state_dict().items()}
    path = written(tmp_path, {"model_params": tensors | {"1._convs.0.conv.conv.weight": torch.zeros(1)}})
    assert "normalisation tio" in str(load_pyramid(toy("swin-toy", seed=4), path, strict=True))
    assert not load_pyramid(toy("swin-toy", seed=4, normalisation="tio"), path).notes


def test_load_pyramid__reads_the_real_small_file_and_names_the_kernel_it_lacks(caplog: pytest.LogCaptureFixture) -> None:
    pyramid = toy("dinov2s", pyramid_source="rn")
    with caplog.at_level(logging.WARNING):
        report = load_pyramid(pyramid, shared(PARTIAL))
    assert report.missing == (HALVING,)
    assert not report.mismatched
    assert f"192/193 tensors, 22822752/24149856 parameters loaded, 1 missing ({HALVING})" in caplog.text
    weights = small_weights()
    assert torch.equal(pyramid.state_dict()["backbone.norm.weight"], weights["encoder.norm.weight"])
    with torch.no_grad():
        spreads = [float(one.std()) for one in pyramid(torch.rand(1, 3, 112, 168))]
    assert 0.3 < min(spreads) < max(spreads) < 6, spreads  # the layer that was lost is in scale with the others
