# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from leadline.models.config import FeatureMode
from leadline.models.decoders.dpt import DptDecoder, FusionBlock, resize
from leadline.models.encoder_sizes import DINOV2_SIZES
from leadline.models.features import EncoderLayout, Features
from leadline.models.normalisation import IMAGENET

HEAD_PARAMETERS = {"vits": 2_728_513, "vitb": 10_890_305, "vitl": 30_947_009, "vitg": 121_651_457}
CHANNELS = (8, 12, 16, 24)


def layout(*strides: int, width: int = 10) -> EncoderLayout:
    return EncoderLayout(
        channels=(width,) * 4, strides=strides, prefix_tokens=0, size_multiple=max(strides), normalisation=IMAGENET
    )


def maps_of(size: tuple[int, int], *strides: int) -> Features:
    maps = tuple(torch.randn(1, 10, -(-size[0] // stride), -(-size[1] // stride)) for stride in strides)
    return Features(maps=maps, strides=strides, prefix=())


def sizes(maps: tuple[Tensor, ...]) -> list[tuple[int, ...]]:
    return [tuple(one.shape[-2:]) for one in maps]


@pytest.mark.parametrize("name", HEAD_PARAMETERS)
def test_decoder__has_the_official_number_of_parameters(name: str) -> None:
    size = DINOV2_SIZES[name]
    with torch.device("meta"):
        decoder = DptDecoder(layout(14, 14, 14, 14, width=size.dim), size.features, size.channels)
    assert sum(one.numel() for one in decoder.parameters()) == HEAD_PARAMETERS[name]


def test_mode_zoe__has_the_sizes_depth_anything_has() -> None:
    decoded = DptDecoder(layout(14, 14, 14, 14), 16, CHANNELS)(maps_of((98, 126), 14, 14, 14, 14), (98, 126))
    assert sizes(decoded.levels) == [(28, 36), (14, 18), (7, 9), (4, 5)]
    assert sizes(decoded.paths) == [(56, 72), (28, 36), (14, 18), (7, 9)]
    assert decoded.out_conv.shape == (1, 32, 98, 126)
    assert decoded.logit.shape == (1, 98, 126)


def test_taps__are_ordered_coarse_to_fine_for_the_head() -> None:
    decoded = DptDecoder(layout(14, 14, 14, 14), 16, CHANNELS)(maps_of((56, 56), 14, 14, 14, 14), (56, 56))
    taps = decoded.taps()
    assert taps.bottleneck is decoded.levels[3]
    assert sizes(taps.pyramid) == [(4, 4), (8, 8), (16, 16), (32, 32)]
    assert taps.relative is decoded.logit
    assert (taps.out_conv >= 0).all()
    assert (decoded.logit < 0).any() or (decoded.logit > 0).any()


@pytest.mark.parametrize("strides", [(14, 14, 14, 14), (4, 8, 16, 32)])
@pytest.mark.parametrize("size", [(448, 448), (98, 135)])
def test_mode_stride8__has_a_pyramid_at_8_16_and_32_fused_at_8(strides: tuple[int, ...], size: tuple[int, int]) -> None:
    decoder = DptDecoder(layout(*strides), 16, CHANNELS, "stride8").eval()
    decoded = decoder(maps_of(size, *strides), size)
    at = {stride: (-(-size[0] // stride), -(-size[1] // stride)) for stride in (8, 16, 32)}
    assert sizes(decoded.levels) == [at[8], at[8], at[16], at[32]]
    assert sizes(decoded.paths) == [at[8], at[8], at[8], at[16]]
    assert decoded.paths[0].shape == (1, 16, *at[8])
    assert decoded.logit.shape == (1, *size)


def test_backbone_with_stages__keeps_its_own_pyramid() -> None:
    decoder = DptDecoder(layout(4, 8, 16, 32), 16, CHANNELS)
    decoded = decoder(maps_of((64, 96), 4, 8, 16, 32), (64, 96))
    assert sizes(decoded.levels) == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert sizes(decoded.paths) == [(32, 48), (16, 24), (8, 12), (4, 6)]
    assert not any(name.startswith("resize_layers") for name in decoder.state_dict())


def test_fusion_block__equals_the_official_order_of_resize_and_convolution() -> None:
    block, path, level = FusionBlock(6).double(), torch.randn(1, 6, 5, 7).double(), torch.randn(1, 6, 5, 7).double()
    fused = block.resConfUnit2(path + block.resConfUnit1(level))
    wanted = block.out_conv(F.interpolate(fused, size=(10, 13), mode="bilinear", align_corners=True))
    torch.testing.assert_close(block(path, level, (10, 13)), wanted, atol=1e-12, rtol=0)


def test_fusion_block__does_not_change_its_inputs() -> None:
    block, path, level = FusionBlock(4), torch.randn(1, 4, 3, 3), torch.randn(1, 4, 3, 3)
    before = path.clone(), level.clone()
    block(path, level, (6, 6))
    assert torch.equal(path, before[0])
    assert torch.equal(level, before[1])


def test_resize__leaves_a_map_of_that_size_alone() -> None:
    x = torch.randn(1, 2, 3, 4)
    assert resize(x, (3, 4)) is x
    corners = resize(x, (9, 9))[..., [0, 0, -1, -1], [0, -1, 0, -1]]
    torch.testing.assert_close(corners, x[..., [0, 0, -1, -1], [0, -1, 0, -1]])


@pytest.mark.parametrize("mode", ["zoe", "stride8"])
def test_decoder__every_trained_parameter_gets_a_gradient_and_the_idle_unit_none(mode: FeatureMode) -> None:
    decoder = DptDecoder(layout(14, 14, 14, 14), 16, CHANNELS, mode)
    trained = {name: one for name, one in decoder.named_parameters() if one.requires_grad}
    idle = set(dict(decoder.named_parameters())) - set(trained)
    assert idle == {f"scratch.refinenet4.resConfUnit1.conv{n}.{part}" for n in (1, 2) for part in ("weight", "bias")}
    decoded = decoder(maps_of((56, 56), 14, 14, 14, 14), (56, 56))
    gradients = torch.autograd.grad(decoded.logit.square().sum(), list(trained.values()), allow_unused=True)
    assert [name for name, gradient in zip(trained, gradients, strict=True) if gradient is None] == []
