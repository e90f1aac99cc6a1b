# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.jepa_names import from_jepa, is_jepa_checkpoint, spelling

HERE = Path("x.pt")
NAMES = {
    "backbone.blocks.0.attn.qkv.weight": "encoder.backbone.blocks.0.attn.qkv.weight",
    "encoder.cls_token": "encoder.backbone.cls_token",
    "_orig_mod.module.backbone.conv1.weight": "encoder.backbone.conv1.weight",
    "module._orig_mod.backbone.conv1.weight": "encoder.backbone.conv1.weight",
    "backbone._orig_mod.conv1.weight": "encoder.backbone.conv1.weight",
    "decoder.up1.0.weight": "decoder.net.0.0.weight",
    "decoder.up4.1.running_var": "decoder.net.3.1.running_var",
    "decoder.net.4.0.bias": "decoder.net.4.0.bias",
    "decoder.head.2.weight": "decoder.head.2.weight",
    "proj.4.running_mean": "projector.net.4.running_mean",
    "projector.0.weight": "projector.net.0.weight",
    "projector.net.0.weight": "projector.net.0.weight",
}


@pytest.mark.parametrize("name", NAMES)
def test_from_jepa__finds_our_name_for_every_spelling(name: str) -> None:
    assert list(from_jepa({name: torch.zeros(1)}, HERE)) == [NAMES[name]]


def test_from_jepa__our_own_names_stay() -> None:
    model = DepthModel(DepthModelConfig(encoder="timm:test_vit", decoder="upsample"))
    names = list(model.state_dict())
    assert list(from_jepa({name: torch.zeros(1) for name in names}, HERE)) == names


def test_from_jepa__a_strange_tensor_is_refused_with_its_name() -> None:
    with pytest.raises(WeightsError, match=r"x.pt with 2 other tensors: sigreg.t, decoder.fuse.weight") as refusal:
        from_jepa({name: torch.zeros(1) for name in ("backbone.a", "sigreg.t", "decoder.fuse.weight")}, HERE)
    assert "\n" not in str(refusal.value)


def test_from_jepa__a_stage_in_both_spellings_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"decoder.up1.0.bias.*decoder.net.0.0.bias"):
        from_jepa({"decoder.up1.0.bias": torch.zeros(1), "decoder.net.0.0.bias": torch.zeros(1)}, HERE)


def test_is_jepa_checkpoint__by_its_transposed_convolutions() -> None:
    kernel = torch.zeros(8, 4, 4, 4)
    assert is_jepa_checkpoint({"module.decoder.up1.0.weight": kernel})
    assert is_jepa_checkpoint({"decoder.net.0.0.weight": kernel})
    assert not is_jepa_checkpoint({"decoder.net.0.0.weight": torch.zeros(8, 4, 3, 3)})
    assert not is_jepa_checkpoint({"decoder.net.0.0.weight": torch.zeros(8)})
    assert not is_jepa_checkpoint({"decoder.resize_layers.0.weight": kernel})
    assert not is_jepa_checkpoint(DepthModel(DepthModelConfig(encoder="dinov2-toy")).state_dict())


def test_spelling__says_which() -> None:
    assert spelling({"_orig_mod.decoder.up2.0.weight": torch.zeros(1)}) == "up1 ..."
    assert spelling({"decoder.net.1.0.weight": torch.zeros(1)}) == "net.0 ..."
