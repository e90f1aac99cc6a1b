# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor

from leadline.contracts.errors import WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.official_names import to_official
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.pyramid import build_pyramid
from leadline.models.stereo.pyramid_names import on_native_grid, pyramid_tensors

DINO, SWIN = PyramidConfig(encoder="dinov2-toy", pyramid_source="fused"), PyramidConfig(encoder="swin_t")
RESNET = PyramidConfig(encoder="resnet18")


def names(config: PyramidConfig) -> set[str]:
    with torch.device("meta"):
        return set(build_pyramid(config).state_dict())


def empty(spelled: set[str] | list[str]) -> dict[str, Tensor]:
    return {name: torch.empty(0) for name in spelled}


def depth_model_names() -> list[str]:
    with torch.device("meta"):
        return list(DepthModel(DepthModelConfig(encoder="dinov2-toy")).state_dict())


def test_pyramid_tensors__reads_our_depth_models_and_official_ones_alike() -> None:
    ours = depth_model_names()
    official = list(to_official(DepthModelConfig(encoder="dinov2-toy"), ours).values())
    assert any(name.startswith("depth_head.") for name in official)
    for spelled in (ours, official):
        assert names(DINO) <= pyramid_tensors(empty(spelled), DINO).keys()


def test_pyramid_tensors__reads_raw_dinov2() -> None:
    raw = [name.removeprefix("encoder.") for name in depth_model_names() if name.startswith("encoder.")]
    of_backbone = {name for name in names(DINO) if name.startswith("backbone.")}
    assert set(pyramid_tensors(empty(raw), DINO)) == of_backbone


@pytest.mark.parametrize("config", [DINO, SWIN, RESNET], ids=["dinov2", "swin", "resnet"])
def test_pyramid_tensors__reads_its_own_names_alone_and_inside_a_stereo_network(config: PyramidConfig) -> None:
    own = names(config)
    assert set(pyramid_tensors(empty(own), config)) == own
    inside = {f"pyramid.{name}" for name in own} | {"decoder.raw.after.0.0.weight"}
    assert set(pyramid_tensors(empty(inside), config)) == own | {"decoder.raw.after.0.0.weight"}


def authors(name: str) -> str:
    """The name in swin_tiny_patch4_window7_224.pth, a classifier with one norm, at the end."""
    return name.removeprefix("backbone.").replace("norm3.", "norm.") if "norm3." in name else name.removeprefix("backbone.")


def timms(name: str) -> str:
    return re.sub(r"layers\.(\d)\.downsample", lambda found: f"layers.{int(found[1]) + 1}.downsample", authors(name))


def timms_flattened(name: str) -> str:
    return "encoder.backbone." + timms(name).replace("layers.", "layers_", 1)


@pytest.mark.parametrize("spelling", [authors, timms, timms_flattened, lambda name: name])
def test_pyramid_tensors__reads_every_swin(spelling: Callable[[str], str]) -> None:
    finer = {name for name in names(SWIN) if name.startswith(("backbone.norm0", "backbone.norm1", "backbone.norm2"))}
    spelled = {spelling(name): torch.full((1,), float(index)) for index, name in enumerate(sorted(names(SWIN) - finer))}
    spelled |= {
        "layers.0.blocks.1.attn_mask": torch.zeros(1),
        "layers.0.blocks.1.attn.relative_position_index": torch.zeros(1),
    }
    read = pyramid_tensors(spelled, SWIN)
    assert set(read) == names(SWIN) - finer
    assert [int(read[name]) for name in sorted(read)] == list(range(len(read)))


def test_timms__are_timms_own_names() -> None:
    with torch.device("meta"):
        theirs = set(timm.create_model("swin_tiny_patch4_window7_224", num_classes=0).state_dict())
    assert {timms(name) for name in names(SWIN)} - theirs == {
        f"norm{n}.{kind}" for n in range(3) for kind in ("weight", "bias")
    }


def test_pyramid_tensors__reads_a_tio_depth_checkpoint() -> None:
    spelled = {name.replace("backbone.", "0.", 1) for name in names(SWIN)} | {"1._convs.0.conv.conv.weight"}
    assert set(pyramid_tensors(empty(spelled), SWIN)) == names(SWIN) | {"1._convs.0.conv.conv.weight"}
    spelled = {f"0.{name}" for name in to_official(DepthModelConfig(), depth_model_names()).values()} | {"1._convs.0.x"}
    assert names(DINO) <= pyramid_tensors(empty(spelled), DINO).keys()


@pytest.mark.parametrize("prefix", ["", "encoder.", "model.backbone."])
def test_pyramid_tensors__reads_a_resnet_and_leaves_its_classifier(prefix: str) -> None:
    with torch.device("meta"):
        theirs = [prefix + name for name in timm.create_model("resnet18").state_dict()]
    assert set(pyramid_tensors(empty(theirs), RESNET)) == names(RESNET) | {f"{prefix}fc.weight", f"{prefix}fc.bias"}


def test_pyramid_tensors__refuses_one_tensor_twice() -> None:
    with pytest.raises(WeightsError, match="which both are"):
        pyramid_tensors(empty(["conv1.weight", "encoder.conv1.weight"]), RESNET)


def test_on_native_grid__brings_positions_of_another_grid_to_ours() -> None:
    ramp = torch.arange(16.0).repeat_interleave(16)[:, None].expand(256, 3)
    found = {"backbone.pos_embed": torch.cat((torch.full((1, 3), 7.0), ramp))[None]}
    read, said = on_native_grid(found, (1, 37 * 37 + 1, 3))
    positions = read["backbone.pos_embed"]
    assert said == "position embeddings resampled from 16x16 to 37x37"
    assert positions.shape == (1, 1370, 3)
    assert torch.equal(positions[0, 0], torch.full((3,), 7.0))
    rows = positions[0, 1:, 0].view(37, 37)
    wanted = (torch.arange(37) + 0.5) * 16 / 37 - 0.5
    torch.testing.assert_close(rows[5:32, 3], wanted[5:32], atol=0.06, rtol=0)  # a cubic kernel bends a ramp a little
    torch.testing.assert_close(rows, rows[:, :1].expand(37, 37), atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", [(1, 257, 4), (1, 250, 3), (257, 3), (1, 1, 3)])
def test_on_native_grid__leaves_what_differs_in_more_than_the_grid(shape: tuple[int, ...]) -> None:
    found = {"backbone.pos_embed": torch.zeros(shape)}
    assert on_native_grid(found, (1, 37 * 37 + 1, 3)) == (found, "")
    assert on_native_grid({}, (1, 37 * 37 + 1, 3)) == ({}, "")
