# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import UsageError
from leadline.models.stereo.adaptation import AdaptedProjection, apply_policy, merge_adapters, merged_tensors
from leadline.models.stereo.adaptation_config import FROZEN, FULL, AdaptationConfig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.pyramid import FeaturePyramid, build_pyramid

LORA = AdaptationConfig(kind="lora", rank=2, alpha=3.0, targets=("q", "v"))
WITH_ATTENTION = ("dinov2-toy", "swin-toy")


def toy(encoder: str = "dinov2-toy") -> FeaturePyramid:
    torch.manual_seed(0)
    return build_pyramid(PyramidConfig(encoder=encoder, drop_path=0.0)).eval()


def picture() -> Tensor:
    return torch.rand(2, 3, 64, 98, generator=torch.Generator().manual_seed(5))


def stirred(pyramid: FeaturePyramid) -> FeaturePyramid:
    """The same, as after some training of its additions."""
    for name, parameter in pyramid.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return pyramid


def trained(pyramid: FeaturePyramid) -> set[str]:
    return {name for name, one in pyramid.named_parameters() if one.requires_grad}


def projections(pyramid: FeaturePyramid) -> list[AdaptedProjection]:
    return [one for one in pyramid.modules() if isinstance(one, AdaptedProjection)]


def close(got: tuple[Tensor, ...], wanted: tuple[Tensor, ...]) -> bool:
    return all(torch.allclose(one, other, atol=1e-5) for one, other in zip(got, wanted, strict=True))


def test_apply_policy__trains_what_each_part_is_told() -> None:
    pyramid = toy()
    everything = trained(pyramid)
    backbone = {name for name in everything if name.startswith("backbone.")}
    apply_policy(pyramid, backbone=FROZEN, neck=FULL)
    assert trained(pyramid) == everything - backbone
    apply_policy(pyramid, backbone=FULL, neck=FROZEN)
    assert trained(pyramid) == backbone
    apply_policy(pyramid, backbone=FROZEN, neck=FROZEN)
    assert trained(pyramid) == set()
    apply_policy(pyramid, backbone=FULL, neck=FULL)
    assert trained(pyramid) == everything
    assert "backbone.mask_token" not in everything  # no forward pass reads it


@pytest.mark.parametrize("encoder", WITH_ATTENTION)
def test_lora__changes_nothing_at_the_start_and_trains_its_additions_only(encoder: str) -> None:
    pyramid = toy(encoder)
    with torch.no_grad():
        before = pyramid(picture())
        apply_policy(pyramid, backbone=LORA, neck=FULL)
        assert close(pyramid(picture()), before)
    blocks = sum(name.endswith("qkv.weight") for name in pyramid.state_dict())
    of_backbone = {name for name in trained(pyramid) if name.startswith("backbone.")}
    assert len(projections(pyramid)) == blocks > 0
    assert len(of_backbone) == 2 * blocks
    assert all("lora_" in name for name in of_backbone)


def test_lora__keeps_names_and_parameters_of_the_base() -> None:
    pyramid = toy()
    before = dict(pyramid.named_parameters())
    apply_policy(pyramid, backbone=LORA, neck=FULL)
    after = dict(pyramid.named_parameters())
    assert all(after[name] is one for name, one in before.items())
    assert {name for name in after.keys() - before.keys() if ".lora_" not in name} == set()


def test_lora__is_the_formula_for_its_targets_alone() -> None:
    torch.manual_seed(3)
    base = torch.nn.Linear(4, 12)
    projection = AdaptedProjection(base, AdaptationConfig(kind="lora", rank=2, alpha=3.0, targets=("v", "q")))
    torch.nn.init.normal_(projection.lora_up)
    x = torch.rand(2, 5, 4)
    added = projection(x) - base(x)
    value, query = (1.5 * (x @ down.T @ up.T) for up, down in zip(projection.lora_up, projection.lora_down, strict=True))
    torch.testing.assert_close(added, torch.cat((query, torch.zeros_like(query), value), dim=-1), atol=1e-6, rtol=1e-5)


def test_lora__gets_gradients_where_the_base_gets_none() -> None:
    pyramid = toy()
    apply_policy(pyramid, backbone=LORA, neck=FROZEN)
    stirred(pyramid).train()
    sum(one.square().mean() for one in pyramid(picture())).backward()
    grown = {name for name, one in pyramid.named_parameters() if one.grad is not None and one.grad.abs().sum() > 0}
    assert grown == trained(pyramid) == {name for name in pyramid.state_dict() if "lora_" in name}


@pytest.mark.parametrize("encoder", WITH_ATTENTION)
@pytest.mark.parametrize("targets", [("q", "v"), ("k",), ("v", "k", "q")])
def test_merge_adapters__leaves_plain_projections_that_compute_the_same(encoder: str, targets: tuple[str, ...]) -> None:
    pyramid = toy(encoder)
    names = set(pyramid.state_dict())
    plain = pyramid(picture())
    apply_policy(pyramid, backbone=AdaptationConfig(kind="lora", rank=2, targets=targets), neck=FULL)  # type: ignore[arg-type]
    adapted = stirred(pyramid)(picture())
    assert not close(adapted, plain)
    tensors, count = merged_tensors(pyramid), len(projections(pyramid))
    assert close(pyramid(picture()), adapted)  # asking for the merged tensors merged nothing
    assert merge_adapters(pyramid) == count > 0
    assert close(pyramid(picture()), adapted)
    assert set(pyramid.state_dict()) == set(tensors) == names
    fresh = toy(encoder)
    fresh.load_state_dict(tensors)
    assert close(fresh(picture()), adapted)
    assert merge_adapters(pyramid) == 0


def test_apply_policy__keeps_additions_in_force_in_later_stages() -> None:
    pyramid = toy()
    apply_policy(pyramid, backbone=LORA, neck=FULL)
    wanted = stirred(pyramid)(picture())
    kept = projections(pyramid)
    for policy in (FROZEN, LORA, FULL):
        apply_policy(pyramid, backbone=policy, neck=FULL)
        assert close(pyramid(picture()), wanted)
        assert projections(pyramid) == kept
    assert any("lora_" in name for name in trained(pyramid))
    with pytest.raises(UsageError, match=r"already stands there.*\(2, 3.0, \('q', 'v'\)\); got \(5,"):
        apply_policy(pyramid, backbone=AdaptationConfig(kind="lora", rank=5), neck=FULL)


def test_lora__is_refused_where_there_is_no_attention() -> None:
    with pytest.raises(UsageError, match="frozen or full for encoder resnet18"):
        apply_policy(toy("resnet18"), backbone=LORA, neck=FULL)
    pyramid = toy()
    before = trained(pyramid)
    with pytest.raises(UsageError, match="frozen or full for the neck"):
        apply_policy(pyramid, backbone=FROZEN, neck=LORA)
    assert trained(pyramid) == before


def test_frozen_parts__stay_in_evaluation_mode_with_their_statistics() -> None:
    pyramid = toy("resnet18")
    apply_policy(pyramid, backbone=FROZEN, neck=FULL)
    pyramid.train()
    before = {name: one.clone() for name, one in pyramid.state_dict().items()}
    pyramid(picture())
    assert all(torch.equal(one, before[name]) for name, one in pyramid.state_dict().items())
    assert pyramid.training
    assert not pyramid.backbone.training
    apply_policy(pyramid, backbone=FULL, neck=FULL)
    assert pyramid.backbone.training
    pyramid(picture())
    assert any(not torch.equal(one, before[name]) for name, one in pyramid.state_dict().items())
