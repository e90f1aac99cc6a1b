# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from leadline.contracts.errors import WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.timm_names import from_timm
from leadline.models.weights import initialise_from


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "vit_tiny_patch16_224"])
def test_initialise_from__a_timm_checkpoint_fills_the_encoder_and_nothing_else(name: str, tmp_path: Path) -> None:
    whole = timm.create_model(name)
    save_file(whole.state_dict(), tmp_path / "model.safetensors")
    model = DepthModel(DepthModelConfig(encoder=f"timm:{name}"))
    before = {key: value.clone() for key, value in model.state_dict().items() if key.startswith("decoder.")}
    report = initialise_from(model, tmp_path / "model.safetensors")
    assert report.mismatched == {}
    assert all(one.startswith("decoder.") for one in report.missing)
    assert all(one.split(".")[0] in {"fc", "head", "norm"} for one in report.unexpected)
    theirs = whole.state_dict()
    first = next(key for key in theirs if key.endswith("weight"))
    copied = from_timm({first: theirs[first]}, list(model.state_dict()))
    assert torch.equal(model.state_dict()[next(iter(copied))], theirs[first])
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in before.items())


def test_initialise_from__another_timm_model_is_refused(tmp_path: Path) -> None:
    save_file(timm.create_model("vit_tiny_patch16_224").state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="encoder timm:resnet18"):
        initialise_from(DepthModel(DepthModelConfig(encoder="timm:resnet18")), tmp_path / "model.safetensors")


def test_from_timm__names_that_the_encoder_lacks_stay() -> None:
    own = ["encoder.backbone.stages_0.blocks.1.weight", "encoder.backbone.model.conv_stem.weight", "decoder.x"]
    names = ["stages.0.blocks.1.weight", "conv_stem.weight", "classifier.weight"]
    assert list(from_timm({name: torch.ones(1) for name in names}, own)) == [*own[:2], "classifier.weight"]
