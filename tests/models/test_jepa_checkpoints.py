# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from leadline.cli.main import main
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import SigmoidHeadConfig
from leadline.models.jepa_checkpoints import recognise
from leadline.models.normalisation import IMAGENET
from leadline.models.projector import Projector
from leadline.models.weights import initialise_from, load_model, save_model
from tests.models.jepa_reference import PREFIXES, SPELLINGS, WIDTHS, ReferenceNetwork, meta_tensors, spelt

HERE = Path("depth_jepa.pt")
ARCHITECTURES = {
    ("vit_small_patch16_224", 4): (384, 224),
    ("vit_small_patch16_224", 5): (384, 224),
    ("resnet50", 5): (2048, None),
}
Flags = dict[str, Any]


def stored(network: ReferenceNetwork, path: Path, spelling: str, prefix: str, flags: Flags | None = None) -> Path:
    tensors = {
        name: value.bfloat16() if value.is_floating_point() else value for name, value in network.state_dict().items()
    }
    network.load_state_dict(tensors)  # the reference trains in bf16, and so are its files
    torch.save({"epoch": 1, "model_state_dict": spelt(tensors, spelling, prefix), "args": flags or {}}, path)
    return path


def without(tensors: dict[str, Tensor], *parts: str) -> dict[str, Tensor]:
    return {name: value for name, value in tensors.items() if not name.startswith(parts)}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(("name", "stages"), ARCHITECTURES)
def test_recognise__finds_backbone_depth_and_widths_in_any_spelling(
    name: str, stages: int, prefix: str, spelling: str
) -> None:
    found = recognise(spelt(meta_tensors(name, stages), spelling, prefix), HERE)
    width, side_px = ARCHITECTURES[name, stages]
    assert found.config == DepthModelConfig(
        encoder=f"timm:{name}",
        decoder="upsample",
        decoder_channels=WIDTHS[:stages],
        head=SigmoidHeadConfig(max_depth_m=100.0),
        input_size=side_px,
        interpolation="antialiased",
        normalisation="imagenet",
    )
    assert "\n" not in found.said
    for part in (name, f"{stages} doublings {width}-256-128", f"projector {width}-2048-512", "100 times"):
        assert part in found.said
    assert ("up1" in found.said) == (spelling == "legacy")
    assert found.projector
    with torch.device("meta"):
        model, projector = DepthModel(found.config), Projector(width, found.projector)
    assert shapes(model.state_dict()) == shapes(found.tensors)
    theirs = {key: value for key, value in meta_tensors(name, stages).items() if key.startswith("proj.")}
    assert shapes(theirs) == {key.replace("net.", "proj."): size for key, size in shapes(projector.state_dict()).items()}
    assert (found.projector.activation, found.projector.output_norm, found.projector.layers) == ("gelu", True, 2)


def shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in tensors.items()}


CASES = [("vit_tiny_patch16_224", 4, "legacy", "compiled"), ("resnet18", 5, "new", "compiled, then ddp")]


@pytest.mark.parametrize(("name", "stages", "spelling", "prefix"), CASES)
def test_load_model__says_what_the_reference_says_in_metres(
    name: str, stages: int, spelling: str, prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    network = ReferenceNetwork(name, stages).eval()
    path = stored(network, tmp_path / "depth_jepa.pt", spelling, prefix)
    with caplog.at_level(logging.INFO, logger="leadline"):
        model = load_model(path)
    assert [name in line and "recognised" in line for line in caplog.messages] == [True]
    assert (model.kind, model.normalisation, model.training) == (DepthKind.METRIC, IMAGENET, False)
    image = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        depth_m, expected = model(image), 100.0 * network.forward(image)
    assert expected.std() > 1e-3
    torch.testing.assert_close(depth_m, expected, atol=1e-3, rtol=1e-5)
    save_model(tmp_path / "ours", model)
    assert load_model(tmp_path / "ours").config == model.config


def test_load_model__a_decoder_with_one_doubling_too_many_is_brought_to_size_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = ReferenceNetwork("test_vit", 5).eval()
    with torch.no_grad():
        network.get_parameter("decoder.head.2.weight").mul_(300.0)
    model = load_model(stored(network, tmp_path / "x.pt", "new", "ddp"), architecture="timm:test_vit")
    image = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        depth_m, expected = model(image), 100.0 * network.forward(image)
    # the reference averages depth, we its logit, from which metres are made once
    assert expected.std() > 0.1
    torch.testing.assert_close(depth_m, expected, atol=0, rtol=0.02)


@pytest.mark.parametrize(
    "says", ["vit_small_patch16_224.augreg_in21k", "timm:vit_small_patch16_224", "deit_small_patch16_224"]
)
def test_recognise__believes_a_name_that_fits_the_tensors(says: str) -> None:
    tensors = meta_tensors("vit_small_patch16_224", 4)
    wanted = f"timm:{says.removeprefix('timm:')}"
    assert recognise(tensors, HERE, declared=says).config.encoder == wanted
    assert recognise(tensors, HERE, flags={"model": says}).config.encoder == wanted


CONTRADICTIONS: list[tuple[str | None, Flags, str]] = [
    ("resnet50", {}, r"checkpoint of resnet50; got depth_jepa.pt, .* that of vit_small_patch16_224"),
    ("vit_base_patch16_224.augreg_in21k", {}, r"of vit_base_patch16_224.augreg_in21k; .* that of vit_small_patch16_224"),
    ("depth-anything-v2-small", {}, r"of depth-anything-v2-small; .* that of vit_small_patch16_224"),
    ("resnet50", {"model": "vit_small_patch16_224"}, r"of resnet50; .* says itself that it is vit_small_patch16_224"),
    (None, {"model": "resnet50.a1_in1k"}, r"of resnet50.a1_in1k; .* that of vit_small_patch16_224"),
]


@pytest.mark.parametrize(("declared", "flags", "said"), CONTRADICTIONS)
def test_recognise__a_contradiction_names_both(declared: str | None, flags: Flags, said: str) -> None:
    with pytest.raises(WeightsError, match=said) as refusal:
        recognise(meta_tensors("vit_small_patch16_224", 4), HERE, declared=declared, flags=flags)
    assert "\n" not in str(refusal.value)


def test_recognise__a_backbone_that_cannot_be_told_asks_for_its_name() -> None:
    tensors = meta_tensors("test_vit", 4)
    with pytest.raises(WeightsError, match=r"a transformer of width 64, 6 blocks, patch 16; pass its architecture"):
        recognise(tensors, HERE)
    assert recognise(tensors, HERE, declared="timm:test_vit").config.encoder == "timm:test_vit"
    with pytest.raises(WeightsError, match="0 unfamiliar tensors"):
        recognise(without(tensors, "backbone."), HERE)


def test_recognise__the_size_of_its_crops_is_the_stored_one() -> None:
    tensors = meta_tensors("vit_small_patch16_224", 4)
    assert recognise(tensors, HERE, flags={"global_img_size": 384}).config.input_size == 384
    assert recognise(tensors, HERE, flags={"global_img_size": "384"}).config.input_size == 224


def test_recognise__a_file_without_projector_has_none() -> None:
    found = recognise(without(meta_tensors("resnet50", 5), "proj."), HERE)
    assert found.projector is None
    assert "no projector" in found.said


def test_recognise__our_own_tensors_out_of_their_folder_are_refused() -> None:
    with torch.device("meta"):
        tensors = DepthModel(DepthModelConfig(encoder="timm:resnet18", decoder="upsample")).state_dict()
    with pytest.raises(WeightsError, match=r"model.json beside .* give the folder"):
        recognise(tensors, HERE)


MISFITS = [
    ({"decoder.net.1.1.weight": None}, r"1 missing \(decoder.net.1.1.weight\)"),
    ({"decoder.net.2.0.weight": (64, 64, 4, 4)}, r"mismatched \(decoder.net.2.0.weight \(64, 64, 4, 4\), not \(128, 64"),
    ({"decoder.head.3.weight": (3, 3)}, r"1 unexpected \(decoder.head.3.weight\)"),
]


@pytest.mark.parametrize(("changes", "said"), MISFITS)
def test_load_model__names_the_tensors_that_do_not_fit(
    changes: dict[str, tuple[int, ...] | None], said: str, tmp_path: Path
) -> None:
    tensors = dict(ReferenceNetwork("test_vit", 4).state_dict())
    for name, shape in changes.items():
        tensors.pop(name, None)
        if shape is not None:
            tensors[name] = torch.zeros(shape)
    torch.save(tensors, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match=said):
        load_model(tmp_path / "x.pt", architecture="timm:test_vit")


def test_initialise_from__fills_encoder_and_decoder(tmp_path: Path) -> None:
    network = ReferenceNetwork("test_vit", 4)
    path = stored(network, tmp_path / "x.pt", "legacy", "ddp")
    model = DepthModel(DepthModelConfig(encoder="timm:test_vit", decoder="upsample"))
    report = initialise_from(model, path)
    assert (report.missing, dict(report.mismatched)) == ((), {})
    assert all(name.startswith("projector.") for name in report.unexpected)
    assert torch.equal(model.state_dict()["decoder.net.3.0.weight"], network.get_parameter("decoder.net.3.0.weight"))
    with pytest.raises(WeightsError, match="encoder timm:resnet18"):
        initialise_from(DepthModel(DepthModelConfig(encoder="timm:resnet18", decoder="upsample")), path)


def test_predict__takes_such_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = stored(ReferenceNetwork("test_vit", 4), tmp_path / "x.pt", "new", "compiled", {"model": "test_vit.r160_in1k"})
    Image.new("RGB", (48, 32)).save(tmp_path / "photo.png")
    arguments = ["predict", str(path), str(tmp_path / "photo.png"), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(arguments) == 0
    assert len(re.findall("recognised by its tensors", capsys.readouterr().err)) == 1
    assert (tmp_path / "out" / "photo.npy").is_file()
    assert main([*arguments, "--architecture", "resnet50"]) == 2
    said = capsys.readouterr().err
    assert "a checkpoint of resnet50" in said
    assert "says itself that it is test_vit.r160_in1k" in said
