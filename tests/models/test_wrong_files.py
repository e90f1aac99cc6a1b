# SPDX-License-Identifier: Apache-2.0
"""Every reader tried on files of every other kind: one line, never a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from leadline.contracts.errors import WeightsError
from leadline.models.config import DepthModelConfig, v1_taps
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import MetricBinsHeadConfig, RoutedBinsHeadConfig, SigmoidHeadConfig
from leadline.models.presets import PRESETS
from leadline.models.weight_files import read_tensors
from leadline.models.weight_writers import write_weights
from leadline.models.weights import initialise_from, load_model, save_model
from tests.models.hugging_face import NYU, depth_anything, zoedepth

# Toys under the names of published models; relative and metric twins cannot be told apart and are not here twice.
TOYS = {
    "depth-anything-v2-small": DepthModelConfig(encoder="dinov2-toy"),
    "depth-anything-v1-base": DepthModelConfig(encoder="dinov2-tiny", taps=v1_taps("dinov2-tiny")),
    "depth-anything-v2-metric-indoor-giant": DepthModelConfig(encoder="dinov2-toy-swiglu", head=SigmoidHeadConfig()),
    "zoedepth-depth-anything-indoor": DepthModelConfig(encoder="dinov2-toy", head=MetricBinsHeadConfig(compat=True)),
    "zoedepth-nyu": DepthModelConfig(encoder="beit-toy", head=MetricBinsHeadConfig(compat=True)),
    "zoedepth-nyu-kitti": DepthModelConfig(encoder="beit-toy", head=RoutedBinsHeadConfig(compat=True)),
}


def without_config(network: torch.nn.Module, folder: Path) -> Path:
    path = folder / "stranger.pth"
    torch.save(network.state_dict(), path)
    return path


def official(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_weights(DepthModel(TOYS[name]), folder / "stranger.pt", layout="official")
        return folder / "stranger.pt"

    return make


FILES: dict[str, Callable[[Path], Path]] = {
    **{name: official(name) for name in TOYS},
    "hugging face relative": lambda folder: without_config(depth_anything("dinov2-tiny"), folder),
    "hugging face zoedepth": lambda folder: without_config(zoedepth([NYU], bin_centers_type="normed"), folder),
    "timm": lambda folder: without_config(timm.create_model("vit_tiny_patch16_224"), folder),
    "dinov2 hub": lambda folder: without_config(DepthModel(TOYS["depth-anything-v2-small"]).encoder, folder),
    "resnet": lambda folder: without_config(timm.create_model("resnet10t"), folder),
}
SAME_NETWORK = {  # v1 and v2, and the two spellings of one network, are not strangers
    ("hugging face relative", "depth-anything-v1-base"),
    ("hugging face zoedepth", "zoedepth-nyu"),
}


@pytest.mark.parametrize("file", FILES)
def test_load_model__refuses_the_file_of_another_kind_in_one_line(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = FILES[file](tmp_path)
    for name, config in TOYS.items():
        preset = replace(PRESETS.get(name, PRESETS["depth-anything-v2-small"]), name=name, config=config)
        monkeypatch.setitem(PRESETS, name, preset)
    for name in TOYS:
        if name == file or (file, name) in SAME_NETWORK:
            assert load_model(path, architecture=name).config.encoder == TOYS[name].encoder
            continue
        with pytest.raises(WeightsError, match="stranger") as refusal:
            load_model(path, architecture=name)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("file", ["timm", "resnet", "zoedepth-nyu", "hugging face zoedepth", "depth-anything-v1-base"])
def test_initialise_from__refuses_another_encoder_and_changes_nothing(file: str, tmp_path: Path) -> None:
    model = DepthModel(TOYS["depth-anything-v2-small"])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(WeightsError, match="dinov2-toy"):
        initialise_from(model, FILES[file](tmp_path), version="v2")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("file", ["zoedepth-nyu", "zoedepth-nyu-kitti", "hugging face zoedepth"])
def test_initialise_from__gives_a_zoedepth_encoder_and_decoder_to_another_head(file: str, tmp_path: Path) -> None:
    model = DepthModel(DepthModelConfig(encoder="beit-toy"))
    report = initialise_from(model, FILES[file](tmp_path))
    assert report.missing == ()
    assert all(name.startswith("head.") for name in report.unexpected)


def test_load_model__shows_both_shapes_of_what_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = replace(PRESETS["depth-anything-v2-small"], config=TOYS["depth-anything-v2-small"])
    monkeypatch.setitem(PRESETS, preset.name, preset)
    tensors = read_tensors(official("depth-anything-v2-small")(tmp_path))
    tensors["depth_head.projects.0.bias"] = torch.zeros(9)
    torch.save(tensors, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"1 mismatched \(decoder.projects.0.bias \(9,\), not \(8,\)\)"):
        load_model(tmp_path / "w.pth", architecture=preset.name)


def test_load_model__prefixes_of_training_loops_are_taken_off_every_dialect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("zoedepth-nyu-kitti", "depth-anything-v2-small"):
        monkeypatch.setitem(PRESETS, name, replace(PRESETS[name], config=TOYS[name]))
        tensors = read_tensors(official(name)(tmp_path))
        torch.save({"model": {f"module._orig_mod.{key}": value for key, value in tensors.items()}}, tmp_path / "w.pt")
        assert load_model(tmp_path / "w.pt", architecture=name).config == TOYS[name]


def test_load_model__a_damaged_hugging_face_folder_is_one_line(tmp_path: Path) -> None:
    write_weights(DepthModel(TOYS["zoedepth-nyu"]), tmp_path, layout="hugging-face")
    whole = (tmp_path / "model.safetensors").read_bytes()
    for part in (b"", whole[:4], whole[: len(whole) // 2], b"\xff" * 64):
        (tmp_path / "model.safetensors").write_bytes(part)
        with pytest.raises(WeightsError, match=r"model\.safetensors") as refusal:
            load_model(tmp_path)
        assert "\n" not in str(refusal.value)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="no such file"):
        load_model(tmp_path)


def test_load_model__a_hugging_face_folder_and_a_declared_architecture_must_agree(tmp_path: Path) -> None:
    write_weights(DepthModel(TOYS["depth-anything-v2-small"]), tmp_path, layout="hugging-face")
    with pytest.raises(WeightsError, match="says otherwise"):
        load_model(tmp_path, architecture="zoedepth-nyu")


def test_load_model__our_own_description_comes_before_a_hugging_face_one(tmp_path: Path) -> None:
    write_weights(DepthModel(TOYS["zoedepth-nyu"]), tmp_path, layout="hugging-face")
    model = DepthModel(TOYS["depth-anything-v2-small"])
    save_model(tmp_path, model)
    loaded: dict[str, Tensor] = load_model(tmp_path / "model.safetensors").state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in model.state_dict().items())


def test_initialise_from__a_v1_hugging_face_folder_does_not_enter_a_v2_model(tmp_path: Path) -> None:
    write_weights(DepthModel(TOYS["depth-anything-v1-base"]), tmp_path, layout="hugging-face")
    with pytest.raises(WeightsError, match="V1, which taps"):
        initialise_from(DepthModel(DepthModelConfig(encoder="dinov2-tiny")), tmp_path)
    assert initialise_from(DepthModel(TOYS["depth-anything-v1-base"]), tmp_path).missing == ()
