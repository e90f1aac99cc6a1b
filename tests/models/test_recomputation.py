# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from leadline.contracts.errors import UsageError
from leadline.models import recomputation
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.encoder_sizes import DINOV2_SIZES


def gradients(model: DepthModel, image: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    torch.manual_seed(1)  # drop path draws
    torch.autograd.backward(model(image).square().mean())
    return {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}


@pytest.mark.parametrize("encoder", ["dinov2-toy", "beit-toy", "timm:test_vit", "timm:test_resnet"])
def test_recompute_gradients__changes_no_gradient(encoder: str) -> None:
    torch.manual_seed(0)
    drop_path = 0.5 if encoder == "timm:test_vit" else 0.0
    model = DepthModel(DepthModelConfig(encoder=encoder, decoder="upsample", drop_path=drop_path)).train()
    with torch.no_grad():
        model.get_parameter(model.logit_bias).fill_(1.0)
    image = torch.randn(2, 3, 2 * model.size_multiple, 3 * model.size_multiple)
    before = gradients(model, image)
    model.recompute_gradients()
    after = gradients(model, image)
    assert before.keys() == after.keys()
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, atol=1e-6, rtol=1e-4, msg=name)


def test_recompute_gradients__computes_every_block_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def count(block: nn.Module, tokens: Tensor, *, use_reentrant: bool) -> Tensor:
        calls.append(use_reentrant)
        again: Tensor = block(tokens)
        return again

    monkeypatch.setattr(recomputation, "checkpoint", count)
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy"))
    model(torch.randn(1, 3, 28, 28))
    assert not calls
    model.recompute_gradients()
    model(torch.randn(1, 3, 28, 28))
    assert len(calls) == DINOV2_SIZES["dinov2-toy"].depth


def test_recompute_gradients__a_backbone_that_cannot_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = DepthModel(DepthModelConfig(encoder="timm:test_resnet"))
    monkeypatch.setattr(model.encoder.backbone, "set_grad_checkpointing", _cannot)
    with pytest.raises(UsageError, match="can recompute its blocks"):
        model.recompute_gradients()


def _cannot() -> None:
    raise AttributeError
