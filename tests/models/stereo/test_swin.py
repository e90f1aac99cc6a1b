# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import pytest
import torch
from timm.models.swin_transformer import SwinTransformer as TimmSwin
from torch import Tensor

from leadline.models.stereo.encoder_config import SWIN_SIZES, BaseStride
from leadline.models.stereo.swin import Block, SwinTransformer

TOY = SWIN_SIZES["swin-toy"]


def swin(stride: BaseStride = 4, drop_path: float = 0.0) -> SwinTransformer:
    torch.manual_seed(0)
    network = SwinTransformer(TOY, embed_stride=stride, drop_path=drop_path).eval()
    for parameter in network.parameters():  # norms at one and biases at zero would hide a swap
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def in_timm(network: SwinTransformer) -> TimmSwin:
    """timm's network with the same numbers; it merges at the start of a stage and has one norm, at the end."""
    theirs = TimmSwin(
        img_size=224,
        embed_dim=TOY.dim,
        depths=TOY.depths,
        num_heads=TOY.heads,
        num_classes=0,
        strict_img_size=False,
        always_partition=True,
    )
    renamed = {}
    for name, value in network.state_dict().items():
        name = re.sub(r"layers\.(\d)\.downsample", lambda found: f"layers.{int(found[1]) + 1}.downsample", name)
        renamed[name.replace("norm3.", "norm.") if name.startswith("norm3.") else name] = value
    refused = theirs.load_state_dict(renamed, strict=False)
    assert not refused.missing_keys
    assert [name.partition(".")[0] for name in refused.unexpected_keys] == ["norm0"] * 2 + ["norm1"] * 2 + ["norm2"] * 2
    return theirs.eval()


def test_swin__equals_timms_where_windows_fit() -> None:
    network = swin()
    theirs, image = in_timm(network), torch.rand(2, 3, 224, 448)
    with torch.no_grad():
        wanted = theirs.forward_intermediates(image, norm=True, intermediates_only=True)
        for index in range(3):  # timm hands the finer ones out without a norm
            wanted[index] = network.get_submodule(f"norm{index}")(wanted[index].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        for one, other in zip(network(image), wanted, strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("size", [(64, 128), (33, 75), (61, 62)])
def test_swin__has_ceiled_maps_of_any_picture(size: tuple[int, int], stride: BaseStride) -> None:
    with torch.no_grad():
        maps = swin(stride)(torch.rand(1, 3, *size))
    strides = [stride * 2**level for level in range(4)]
    assert [tuple(one.shape) for one in maps] == [
        (1, width, -(-size[0] // s), -(-size[1] // s)) for width, s in zip((8, 16, 32, 64), strides, strict=True)
    ]


def test_swin__has_the_same_weights_at_both_strides() -> None:
    coarse, fine = swin(4), swin(2)
    fine.load_state_dict(coarse.state_dict())
    assert {name: one.shape for name, one in fine.state_dict().items()} == {
        name: one.shape for name, one in coarse.state_dict().items()
    }
    image = torch.rand(1, 3, 56, 56)
    with torch.no_grad():
        shifted = torch.nn.functional.pad(image, (1, 1, 1, 1))[..., 4:-2, 4:-2]
        # a patch every two pixels from one pixel outside: every other one of them, from the third on, is a patch of stride 4
        torch.testing.assert_close(fine.patch_embed(image)[:, 2:-1:2, 2:-1:2], coarse.patch_embed(shifted)[:, :13, :13])


@pytest.mark.parametrize("shift", [0, 3])
def test_block__lets_opposite_borders_of_an_odd_map_alone(shift: int) -> None:
    """Shifted windows wrap around; what they bring together that way must not see each other."""
    torch.manual_seed(2)
    block = Block(8, 2, shift=shift, drop_path=0.0)
    tokens = torch.rand(1, 17, 19, 8, requires_grad=True)
    block(tokens)[:, -1, -1].sum().backward()
    assert tokens.grad is not None
    seen = tokens.grad.abs().sum(dim=(0, 3)) > 0
    assert seen[-1, -1]
    assert not seen[:7].any()
    assert not seen[:, :7].any()


def test_block__sees_over_the_border_of_a_window_when_shifted() -> None:
    def seen(shift: int) -> Tensor:
        torch.manual_seed(2)
        tokens = torch.rand(1, 21, 21, 8, requires_grad=True)
        Block(8, 2, shift=shift, drop_path=0.0)(tokens)[:, 7, 7].sum().backward()
        assert tokens.grad is not None
        return (tokens.grad.abs().sum(dim=(0, 3)) > 0).nonzero()

    assert seen(0).min(dim=0).values.tolist() == [7, 7]
    assert seen(0).max(dim=0).values.tolist() == [13, 13]
    assert seen(3).min(dim=0).values.tolist() == [3, 3]
    assert seen(3).max(dim=0).values.tolist() == [9, 9]


def test_drop_path__leaves_branches_out_in_training_only() -> None:
    network, image = swin(drop_path=0.9), torch.rand(4, 3, 64, 64)
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for stage in network.layers for block in stage.blocks]  # type: ignore[union-attr]
    assert rates == pytest.approx([0.9 * index / 5 for index in range(6)])
    with torch.no_grad():
        torch.testing.assert_close(network(image)[3], swin()(image)[3])
        assert not torch.allclose(network.train()(image)[3], swin()(image)[3])


def test_constants__made_under_inference_mode_serve_training() -> None:
    network = swin().train()
    with torch.inference_mode():
        network(torch.rand(1, 3, 44, 60))
    network(torch.rand(1, 3, 44, 60))[3].sum().backward()
    assert network.patch_embed.proj.weight.grad is not None
