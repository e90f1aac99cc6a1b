# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from leadline.contracts.errors import WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.hugging_face_files import INDEX, PICKLE, PICKLE_INDEX, read_hugging_face_tensors, read_index
from leadline.models.weight_files import read_tensors
from leadline.models.weight_writers import write_weights
from leadline.models.weights import initialise_from, load_model
from tests.models.payload import Payload
from tests.models.test_hub import same, serve

ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def whole(folder: Path) -> DepthModel:
    torch.manual_seed(0)
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy"))
    write_weights(model, folder, layout="hugging-face")
    return model


def shard(folder: Path) -> DepthModel:
    model = whole(folder)
    tensors = read_tensors(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {ONE: names[::2], TWO: names[1::2]}
    for file, chosen in parts.items():
        save_file({name: tensors[name] for name in chosen}, folder / file)
    place = {name: file for file, chosen in parts.items() for name in chosen}
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": place}))
    return model


def pickled(folder: Path) -> DepthModel:
    model = whole(folder)
    torch.save(read_tensors(folder / "model.safetensors"), folder / PICKLE)
    (folder / "model.safetensors").unlink()
    return model


def pickled_in_shards(folder: Path) -> DepthModel:
    model = pickled(folder)
    (folder / PICKLE).rename(folder / "pytorch_model-00001-of-00001.bin")
    place = dict.fromkeys(read_tensors(folder / "pytorch_model-00001-of-00001.bin"), "pytorch_model-00001-of-00001.bin")
    (folder / PICKLE_INDEX).write_text(json.dumps({"weight_map": place}))
    return model


FORMS: list[tuple[Callable[[Path], DepthModel], str]] = [
    (whole, "model.safetensors"),
    (shard, INDEX),
    (pickled, PICKLE),
    (pickled_in_shards, PICKLE_INDEX),
]


@pytest.mark.parametrize(("make", "file"), FORMS)
def test_folders__are_read_in_every_form_by_folder_or_file(
    make: Callable[[Path], DepthModel], file: str, tmp_path: Path
) -> None:
    model = make(tmp_path)
    assert same(load_model(tmp_path), model)
    assert same(load_model(tmp_path / file), model)
    started = DepthModel(DepthModelConfig(encoder="dinov2-toy"))
    assert initialise_from(started, tmp_path).missing == ()
    assert same(started, model)


@pytest.mark.parametrize(("make", "file"), FORMS)
def test_hub_names__fetch_every_form(
    make: Callable[[Path], DepthModel], file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(tmp_path)
    asked = serve(monkeypatch, tmp_path)
    assert same(load_model("hf:org/name@v1"), model)
    assert ("org/name", file, "v1") in asked
    shards = {name for _, name, _ in asked if "-of-" in name}
    assert shards == {one.name for one in tmp_path.iterdir() if "-of-" in one.name}


def test_hub_names__of_timm_give_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = DepthModel(DepthModelConfig(encoder="timm:resnet10t"))
    backbone = {
        name.removeprefix("encoder.backbone."): one for name, one in model.state_dict().items() if "backbone" in name
    }
    save_file({name: one.contiguous() for name, one in backbone.items()}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"architecture": "resnet10t"}')
    serve(monkeypatch, tmp_path)
    report = initialise_from(DepthModel(DepthModelConfig(encoder="timm:resnet10t")), Path("hf:timm/resnet10t.c3_in1k"))
    assert all(not name.startswith("encoder.") for name in report.missing)
    with pytest.raises(WeightsError, match="which model this is"):
        load_model("hf:timm/resnet10t.c3_in1k")


def test_safetensors__come_before_a_pickle(tmp_path: Path) -> None:
    model = whole(tmp_path)
    torch.save({"other": torch.zeros(1)}, tmp_path / PICKLE)
    assert same(load_model(tmp_path), model)


def test_pickle__with_a_payload_is_refused_and_never_run(tmp_path: Path) -> None:
    pickled(tmp_path)
    torch.save({"weight": Payload(tmp_path / "run")}, tmp_path / PICKLE)
    with pytest.raises(WeightsError, match=PICKLE) as refusal:
        load_model(tmp_path)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "run").exists()


def test_shards__missing_swapped_or_truncated_are_one_line(tmp_path: Path) -> None:
    shard(tmp_path)
    first, second = (tmp_path / ONE).read_bytes(), (tmp_path / TWO).read_bytes()
    (tmp_path / ONE).write_bytes(second)
    with pytest.raises(WeightsError, match=rf"{ONE}, which (lacks|also holds)"):
        read_hugging_face_tensors(tmp_path)
    (tmp_path / ONE).write_bytes(first[: len(first) // 2])
    with pytest.raises(WeightsError, match=ONE):
        read_hugging_face_tensors(tmp_path)
    (tmp_path / ONE).unlink()
    with pytest.raises(WeightsError, match=f"{ONE}: no such file"):
        read_hugging_face_tensors(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"weight_map": 3}',
        '{"weight_map": {"a": 3}}',
        '{"weight_map": {"a": ["b"]}}',
        '{"weight_map": {"a": "../b.safetensors"}}',
        '{"weight_map": {"a": "/etc/passwd"}}',
        '{"weight_map": {"a": ".."}}',
    ],
)
def test_read_index__refuses_what_is_damaged_or_leads_elsewhere(text: str, tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(WeightsError, match=INDEX) as refusal:
        read_index(tmp_path / INDEX)
    assert "\n" not in str(refusal.value)
