# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from leadline.contracts.errors import UsageError
from leadline.models.depth_model import DepthModel
from leadline.models.weights import load_model
from leadline.recipes.relative.config import RelativeConfig
from leadline.recipes.relative.run import train_relative
from leadline.recipes.supervised.network import disparity_network
from leadline.recipes.supervised.run import Start
from leadline.training.display import SilentDisplay

LACKING = "decoder.resize_layers.3.weight"
START = Start(sources={}, display=SilentDisplay())


def toy_config(tmp_path: Path, **changes: Any) -> RelativeConfig:
    config = RelativeConfig(
        encoder="dinov2-toy",
        datasets=("procedural",),
        procedural_count=4,
        batch_size=2,
        num_epochs=2,
        num_workers=0,
        validation_images=3,
        target_size=(28, 42),
        device="cpu",
        save_dir=tmp_path / "run",
        log_dir=tmp_path / "logs",
    )
    return dataclasses.replace(config, **changes)


def incomplete_checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    tensors = DepthModel(disparity_network(toy_config(tmp_path))).state_dict()
    del tensors[LACKING]
    path = tmp_path / "incomplete.safetensors"
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    return path


@pytest.mark.parametrize("cache", ["off", "memory", "disk"])
def test_train_relative__learns_what_the_checkpoint_lacks_and_nothing_else(tmp_path: Path, cache: Any) -> None:
    given = incomplete_checkpoint(tmp_path)
    config = toy_config(
        tmp_path,
        learn=("missing",),
        pretrained_checkpoint=str(given),
        cache_features=cache,
        cache_dir=tmp_path / "features",
    )
    report = train_relative(config, START)
    assert report is not None
    assert report.result.settings["alignment"] == "scale-shift-disparity"
    written = (tmp_path / "run" / "config.toml").read_text()
    assert f'learn = ["{LACKING}"]' in written
    assert "missing in the checkpoint" in written
    before, after = load_file(given), load_model(tmp_path / "run").state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (tmp_path / "features").exists() == (cache == "disk")


def test_train_relative__goes_on_with_the_names_it_began_with(tmp_path: Path) -> None:
    config = toy_config(tmp_path, learn=("missing",), pretrained_checkpoint=str(incomplete_checkpoint(tmp_path)))
    train_relative(config, START)
    continued = dataclasses.replace(config, learn=(LACKING,), num_epochs=3, pretrained_checkpoint="")
    train_relative(continued, dataclasses.replace(START, checkpoint="latest"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"learn": ("missing",)}, "--pretrained-checkpoint"),
        ({"learn": ("encoder", "decoder"), "cache_features": "memory"}, "a frozen encoder for --cache-features"),
        ({"learn": ("decoder",)}, "--learn encoder decoder"),
    ],
)
def test_train_relative__refuses_what_could_learn_nothing(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        train_relative(toy_config(tmp_path, **changes), START)
    assert not (tmp_path / "run").exists()


def test_train_relative__a_complete_checkpoint_lacks_nothing_and_says_so(tmp_path: Path) -> None:
    tensors = load_file(incomplete_checkpoint(tmp_path))
    lacking = DepthModel(disparity_network(toy_config(tmp_path))).state_dict()[LACKING]
    path = tmp_path / "whole.safetensors"
    save_file({**tensors, LACKING: lacking}, path)
    with pytest.raises(UsageError, match="that lacks something"):
        train_relative(toy_config(tmp_path, learn=("missing",), pretrained_checkpoint=str(path)), START)
