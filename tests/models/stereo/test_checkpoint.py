# SPDX-License-Identifier: Apache-2.0
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import WeightsError
from leadline.models.checkpoint_folder import DESCRIPTION
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.stereo import checkpoint
from leadline.models.stereo.adaptation import AdaptedProjection, apply_policy
from leadline.models.stereo.adaptation_config import AdaptationConfig
from leadline.models.stereo.checkpoint import (
    OFFICIAL_CONFIG,
    build_network,
    holds_stereo,
    load_network,
    load_stereo_model,
    official_tensors,
    save_stereo_model,
)
from leadline.models.stereo.config import StereoModelConfig, TrainingRig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.official_names import official_decoder_name
from leadline.models.stereo.sigmoid_model import SigmoidModel
from leadline.models.stereo.stereo_model import StereoModel
from leadline.models.weights import save_model
from tests.models.stereo.tio_fixture import TOY

RIGGED = replace(TOY, rig=TrainingRig(baseline_m=0.2, focal_px=200.0, width_px=256.0), input_size=(64, 96))
SIGMOID = replace(TOY, decoder="sigmoid", matching=False, refined=False, monocular="raw")
TOY_OFFICIAL = replace(
    OFFICIAL_CONFIG, pyramid=replace(OFFICIAL_CONFIG.pyramid, encoder="swin-toy"), decoder_channels=(16,) * 4
)


def same(one: torch.nn.Module, two: torch.nn.Module) -> bool:
    other = two.state_dict()
    return one.state_dict().keys() == other.keys() and all(
        torch.equal(value, other[name]) for name, value in one.state_dict().items()
    )


@pytest.mark.parametrize("config", [TOY, RIGGED, SIGMOID])
def test_folder__gives_back_what_was_saved(config: StereoModelConfig, tmp_path: Path) -> None:
    network = build_network(config)
    save_stereo_model(tmp_path / "run" / "checkpoint_latest", network)
    for place in ("run", "run/checkpoint_latest", "run/checkpoint_latest/model.safetensors"):
        assert holds_stereo(tmp_path / place)
        loaded = load_network(tmp_path / place)
        assert loaded.config == config
        assert same(loaded, network)
        assert not loaded.training
    assert isinstance(loaded, SigmoidModel if config is SIGMOID else StereoModel)


def test_stereo_model__is_what_can_look_at_two_views(tmp_path: Path) -> None:
    save_stereo_model(tmp_path / "volume", build_network(TOY))
    assert isinstance(load_stereo_model(tmp_path / "volume"), StereoModel)
    save_stereo_model(tmp_path / "sigmoid", build_network(SIGMOID))
    with pytest.raises(WeightsError, match="monodepth2's decoder"):
        load_stereo_model(tmp_path / "sigmoid")


def test_folder__says_what_it_holds_for_other_readers(tmp_path: Path) -> None:
    save_stereo_model(tmp_path, build_network(RIGGED))
    description = json.loads((tmp_path / DESCRIPTION).read_text(encoding="utf-8"))
    assert (description["family"], description["kind"]) == ("stereo", "metric")


def test_folder__has_low_rank_additions_merged(tmp_path: Path) -> None:
    network = build_network(TOY)
    lora = AdaptationConfig(kind="lora", rank=2, alpha=2.0)
    apply_policy(network.pyramid, backbone=lora, neck=AdaptationConfig(kind="full"))
    for one in network.modules():
        if isinstance(one, AdaptedProjection):
            torch.nn.init.normal_(one.lora_up)
    save_stereo_model(tmp_path, network)
    loaded, image = load_network(tmp_path), torch.rand(1, 3, 32, 64)
    network.eval()
    assert not any("lora" in name for name in loaded.state_dict())
    for ours, theirs in zip(loaded.features(image), network.features(image), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_depth_models__are_refused_and_are_no_stereo_network(tmp_path: Path) -> None:
    save_model(tmp_path / "depth", DepthModel(DepthModelConfig(encoder="dinov2-toy")))
    assert not holds_stereo(tmp_path / "depth")
    with pytest.raises(WeightsError, match=r"expected a stereo network.*got a depth model"):
        load_network(tmp_path / "depth")
    assert not holds_stereo("random:depth-anything-v2-small")
    with pytest.raises(WeightsError, match="with its weights"):
        load_network("random:depth-anything-v2-small")
    with pytest.raises(WeightsError, match="nowhere"):
        holds_stereo(tmp_path / "nowhere")


def test_other_files__are_no_stereo_network(tmp_path: Path) -> None:
    torch.save({"pretrained.cls_token": torch.zeros(1)}, tmp_path / "depth.pth")
    (tmp_path / "broken.pth").write_bytes(b"PK nothing")
    (tmp_path / "text.pth").write_text("no weights", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    assert not any(holds_stereo(tmp_path / name) for name in ("depth.pth", "broken.pth", "text.pth", "empty"))
    with pytest.raises(WeightsError, match="recipe stereo"):
        load_network(tmp_path / "depth.pth")


def official_file(network: StereoModel, path: Path) -> None:
    """As TiO-Depth saves: two modules in a list, and beside them an optimiser under names that are tuples."""
    tensors: dict[str, Tensor] = {}
    for name, one in network.state_dict().items():
        tensors[official_decoder_name(name) or name.replace("pyramid.backbone.", "0.")] = one.clone()
    torch.save({"model_params": tensors, "epoch": 50, ("optim", 1): {"state": {}}}, path)


def test_official_file__of_swin_at_stride_2_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "OFFICIAL_CONFIG", TOY_OFFICIAL)
    network = build_network(TOY_OFFICIAL)
    assert isinstance(network, StereoModel)
    official_file(network, tmp_path / "tio.pth")
    assert holds_stereo(tmp_path / "tio.pth")
    loaded = load_network(tmp_path / "tio.pth")
    assert same(loaded, network)
    assert loaded.config.parity
    assert loaded.config.pyramid.normalisation == "tio"


def test_official_file__of_another_encoder_is_refused_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = build_network(replace(TOY_OFFICIAL, pyramid=PyramidConfig(encoder="resnet18", base_stride=2)))
    assert isinstance(other, StereoModel)
    official_file(other, tmp_path / "tio.pth")
    monkeypatch.setattr(checkpoint, "OFFICIAL_CONFIG", TOY_OFFICIAL)
    with pytest.raises(WeightsError, match=r"encoder swin-toy.*missing"):
        load_network(tmp_path / "tio.pth")


def test_official_file__of_other_widths_is_refused_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = build_network(replace(TOY_OFFICIAL, decoder_channels=(32,) * 4))
    assert isinstance(other, StereoModel)
    official_file(other, tmp_path / "tio.pth")
    monkeypatch.setattr(checkpoint, "OFFICIAL_CONFIG", TOY_OFFICIAL)
    with pytest.raises(WeightsError, match=r"0 missing and \d+ of another shape"):
        load_network(tmp_path / "tio.pth")


def test_official_tensors__that_nobody_needs_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(checkpoint, "OFFICIAL_CONFIG", TOY_OFFICIAL)
    tensors = official_tensors({"1.levels": torch.zeros(49), "1._convs.17.conv.bias": torch.zeros(49)})
    assert set(tensors) == {"1.levels", "decoder.raw.ending.output.bias"}
    network = build_network(TOY_OFFICIAL)
    network.register_buffer("spare", torch.zeros(1))
    save_stereo_model(tmp_path, network)
    with caplog.at_level(logging.WARNING):
        load_network(tmp_path)
    assert "1 tensors are not used (spare)" in caplog.text


def test_official_configuration__is_that_of_the_released_file() -> None:
    assert OFFICIAL_CONFIG.rig is not None
    assert OFFICIAL_CONFIG.rig.depth_times_disparity(1280) == pytest.approx(400.9, abs=0.01)
    with torch.device("meta"):
        network = build_network(OFFICIAL_CONFIG)
    assert sum(one.numel() for one in network.decoder.parameters()) == 8_213_794
