# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from leadline.contracts.errors import WeightsError
from leadline.models.checkpoint_folder import TENSORS
from leadline.models.config import DepthModelConfig, v1_taps
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import HeadConfig, MetricBinsHeadConfig, SigmoidHeadConfig
from leadline.models.model_places import checkpoint_folder
from leadline.models.weights import _say_licence, initialise_from, load_model, save_model
from tests.models.official import ABSENT, PARTIAL, official_names
from tests.shared_paths import shared

OURS_ABSENT = "decoder.resize_layers.3.weight"


def toy(head: HeadConfig | None = None, **taps: tuple[int, ...]) -> DepthModel:
    options = {"head": head} if head else {}
    return DepthModel(DepthModelConfig(encoder="dinov2-toy", **options, **taps))  # type: ignore[arg-type]


def tiny(taps: tuple[int, ...] | None = None) -> DepthModel:
    return DepthModel(DepthModelConfig(encoder="dinov2-tiny", taps=taps))


def same(first: DepthModel, second: DepthModel) -> bool:
    return all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


def official_file(model: DepthModel, path: Path) -> Path:
    own = model.state_dict()
    torch.save({name: own[ours] for ours, name in official_names(model).items()}, path)
    return path


@pytest.mark.parametrize("head", [None, SigmoidHeadConfig(max_depth_m=80.0), MetricBinsHeadConfig(n_bins=8)])
def test_save_and_load__give_the_same_model(head: HeadConfig | None, tmp_path: Path) -> None:
    model = toy(head)
    save_model(tmp_path / "checkpoint", model)
    loaded = load_model(tmp_path / "checkpoint")
    assert (loaded.config, loaded.kind) == (model.config, model.kind)
    assert same(model, loaded)
    assert not loaded.training


def test_save_and_load__a_timm_model_with_its_running_statistics(tmp_path: Path) -> None:
    model = DepthModel(DepthModelConfig(encoder="timm:resnet18"))
    model(torch.randn(2, 3, 64, 64))
    save_model(tmp_path, model)
    assert same(model, load_model(tmp_path))


def test_load_model__a_run_gives_its_best_else_its_latest_checkpoint(tmp_path: Path) -> None:
    latest, best = toy(), toy()
    save_model(tmp_path / "checkpoint_latest", latest)
    assert same(load_model(str(tmp_path)), latest)
    save_model(tmp_path / "checkpoint_best", best)
    assert same(load_model(tmp_path), best)
    assert same(load_model(tmp_path / "checkpoint_latest" / TENSORS), latest)
    assert checkpoint_folder(tmp_path) == tmp_path / "checkpoint_best"


def test_load_model__a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="checkpoint_best or checkpoint_latest"):
        load_model(tmp_path)


def test_load_model__a_picture_given_as_the_model_is_refused_before_its_architecture_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "depth.png").write_bytes(b"\x89PNG")
    with pytest.raises(
        WeightsError, match=r"as the model a run folder, .*random:PRESET; got .*depth\.png; name the model first"
    ):
        load_model(tmp_path / "depth.png")


def test_load_model__a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path, toy())
    with pytest.raises(WeightsError, match="leave the architecture out"):
        load_model(tmp_path, architecture="depth-anything-v2-small")


def test_load_model__a_preset_name_brings_no_weights_unless_random_is_asked_for() -> None:
    with pytest.raises(WeightsError, match="random:depth-anything-v2-small"):
        load_model("depth-anything-v2-small")
    assert load_model("random:depth-anything-v2-small").config.encoder == "vits"
    with pytest.raises(WeightsError, match=r"check the path$"):
        load_model("no/such/file.pth")
    with pytest.raises(
        WeightsError, match=r"check the path; did you mean depth-anything-v2-base\? a preset brings no weights"
    ):
        load_model("Depth-Anything-V2-Basse")
    with pytest.raises(WeightsError, match=r"did you mean depth-anything-v2-small\?$"):
        load_model("random:depth-anything-v2-smal")
    with pytest.raises(WeightsError, match="check the path"):
        load_model("a" * 300)


def test_load_model__the_partial_file_needs_an_explicit_allowance(caplog: pytest.LogCaptureFixture) -> None:
    path = shared(PARTIAL)
    with pytest.raises(WeightsError, match=rf"238 loaded, 1 missing \({OURS_ABSENT}\)"):
        load_model(path)
    with pytest.raises(WeightsError, match="1 missing"):
        load_model(path, allow_missing=("depth_head.resize_layers.3.bias",))
    with caplog.at_level(logging.WARNING):
        model = load_model(path, allow_missing=(ABSENT,))
    assert f"lacks {OURS_ABSENT}" in caplog.text
    assert model.config == DepthModelConfig()


def test_load_model__an_official_file_is_read_strictly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = DepthModel(DepthModelConfig())
    path = official_file(model, tmp_path / "depth_anything_v2_vits.pth")
    assert same(load_model(path), model)
    bare = tmp_path / "weights.pth"
    shutil.copy(path, bare)
    with pytest.raises(WeightsError, match="V1 and V2, relative and metric"):
        load_model(bare)
    as_metric = load_model(bare, architecture="depth-anything-v2-metric-outdoor-small")
    assert as_metric.config.head == SigmoidHeadConfig(max_depth_m=80.0)
    assert load_model(bare, architecture="depth-anything-v1-small").config.taps == (8, 9, 10, 11)
    assert "NC" not in caplog.text
    more = torch.load(path, weights_only=True) | {"pretrained.register_tokens": torch.zeros(1)}
    torch.save(more, path)
    with pytest.raises(WeightsError, match=r"1 unexpected \(encoder.register_tokens\)"):
        load_model(path)


def test_load_model__a_v1_file_is_not_loaded_as_v2(tmp_path: Path) -> None:
    path = tmp_path / "depth_anything_vits14.pth"
    torch.save({}, path)
    with pytest.raises(WeightsError, match="depth-anything-v1-small by its name"):
        load_model(path, architecture="depth-anything-v2-small")


def test_load_model__a_non_commercial_licence_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "depth_anything_v2_vitb.pth"
    torch.save({"pretrained.cls_token": torch.zeros(1, 1, 768)}, path)
    _say_licence.cache_clear()
    with caplog.at_level(logging.WARNING), pytest.raises(WeightsError, match="1 loaded"):
        load_model(path)
    assert "CC-BY-NC-4.0" in caplog.text


def test_initialise_from__the_partial_file_fills_all_but_one_tensor_and_the_new_head() -> None:
    model = DepthModel(DepthModelConfig(head=MetricBinsHeadConfig()))
    report = initialise_from(model, shared(PARTIAL))
    assert len(report.loaded) == 238
    assert [name for name in report.missing if not name.startswith("head.")] == [OURS_ABSENT]
    assert not report.unexpected
    assert not report.mismatched
    weights = model.state_dict()["encoder.pos_embed"]
    assert float(weights.abs().sum()) > 1


def test_initialise_from__our_own_checkpoint_and_another_head(tmp_path: Path) -> None:
    source, model = toy(MetricBinsHeadConfig(n_bins=8)), toy(MetricBinsHeadConfig(n_bins=16))
    save_model(tmp_path, source)
    report = initialise_from(model, tmp_path)
    assert "head.seed_bin_regressor._net.2.weight" in report.mismatched
    assert torch.equal(model.state_dict()["encoder.cls_token"], source.state_dict()["encoder.cls_token"])
    plain = initialise_from(toy(), tmp_path)
    assert plain.missing == ()
    assert all(name.startswith("head.") for name in plain.unexpected)


def test_initialise_from__the_dinov2_hub_gives_the_encoder(tmp_path: Path) -> None:
    source, model = toy(), toy()
    own = {name: value for name, value in source.state_dict().items() if name.startswith("encoder.")}
    torch.save({name.removeprefix("encoder."): value for name, value in own.items()}, tmp_path / "dinov2_pretrain.pth")
    report = initialise_from(model, tmp_path / "dinov2_pretrain.pth")
    assert set(report.loaded) == set(own)
    assert all(name.startswith("decoder.") for name in report.missing)


def test_initialise_from__a_file_that_fits_nowhere_is_refused(tmp_path: Path) -> None:
    save_file({"conv.weight": torch.ones(3)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="none of its names"):
        initialise_from(toy(), tmp_path / "w.safetensors")


def test_initialise_from__a_file_of_another_encoder_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    model = toy()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    path = official_file(tiny(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"encoder dinov2-toy.*\(192,\), not \(32,\)"):
        initialise_from(model, path, version="v2")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_initialise_from__the_version_must_be_said_and_be_the_models(tmp_path: Path) -> None:
    v1, v2 = tiny(v1_taps("dinov2-tiny")), tiny()
    path = official_file(v2, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="V1 or V2"):
        initialise_from(v2, path)
    assert initialise_from(v2, path, version="v2").missing == ()
    assert initialise_from(v1, path, version="v1").missing == ()
    for model, version in ((v1, "v2"), (v2, "v1")):
        with pytest.raises(WeightsError, match=f"Depth Anything {version.upper()}, which taps"):
            initialise_from(model, path, version=version)  # type: ignore[arg-type]
    own_choice = tiny((1, 3, 5, 7))
    assert initialise_from(own_choice, path, version="v1").missing == ()


def test_initialise_from__a_v1_file_by_name_does_not_enter_a_v2_model(tmp_path: Path) -> None:
    path = official_file(DepthModel(DepthModelConfig()), tmp_path / "depth_anything_vits14.pth")
    with pytest.raises(WeightsError, match="V1, which taps"):
        initialise_from(DepthModel(DepthModelConfig()), path)


@pytest.mark.parametrize("dtype", [torch.int8, torch.complex64])
def test_initialise_from__never_takes_whole_or_complex_numbers_for_weights(tmp_path: Path, dtype: torch.dtype) -> None:
    model = toy()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.save({name: value.to(dtype) for name, value in before.items()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=f"of {str(dtype).removeprefix('torch.')}, not"):
        initialise_from(model, tmp_path / "w.pth")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_initialise_from__refuses_a_file_with_one_tensor_in_two_dialects(tmp_path: Path) -> None:
    own = {name: value for name, value in toy().state_dict().items() if name.startswith("encoder.")}
    torch.save(own | {name.replace("encoder.", "pretrained.", 1): value for name, value in own.items()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"'encoder\.cls_token' and 'pretrained\.cls_token', which both are"):
        initialise_from(toy(), tmp_path / "w.pth")
