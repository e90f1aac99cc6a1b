# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import nn

from leadline.models.config import DepthModelConfig
from leadline.models.decoders.upsample import UpsampleDecoder, doublings, halving_widths
from leadline.models.depth_model import DepthModel
from leadline.models.features import EncoderLayout, Features
from leadline.models.head_config import SigmoidHeadConfig
from leadline.models.normalisation import IMAGENET


def layout(stride: int, width: int = 12) -> EncoderLayout:
    return EncoderLayout(channels=(width,), strides=(stride,), prefix_tokens=0, size_multiple=stride, normalisation=IMAGENET)


def features(stride: int, rows: int, columns: int, width: int = 12) -> Features:
    return Features(maps=(torch.randn(2, width, rows, columns),), strides=(stride,), prefix=())


@pytest.mark.parametrize(("stride", "count"), [(1, 0), (2, 1), (4, 2), (8, 3), (14, 4), (16, 4), (32, 5), (64, 6)])
def test_doublings__reach_the_image_or_just_beyond(stride: int, count: int) -> None:
    assert doublings(stride) == count


def test_halving_widths__are_those_of_the_reference() -> None:
    assert halving_widths(256, 4) == (256, 128, 64, 32)
    assert halving_widths(256, 5) == (256, 128, 64, 32, 32)
    assert halving_widths(512, 5) == (512, 256, 128, 64, 32)
    assert halving_widths(8, 2) == (8, 8)


def test_decoder__is_made_of_transposed_convolutions_batch_norm_and_gelu() -> None:
    decoder = UpsampleDecoder(layout(16, 384), 256)
    stages = [[type(part) for part in stage] for stage in decoder.net.children() if isinstance(stage, nn.Sequential)]
    assert stages == [[nn.ConvTranspose2d, nn.BatchNorm2d, nn.GELU]] * 4
    kernels = [tuple(one.shape) for one in decoder.parameters() if one.ndim == 4]
    assert kernels == [
        (384, 256, 4, 4),
        (256, 128, 4, 4),
        (128, 64, 4, 4),
        (64, 32, 4, 4),
        (32, 32, 3, 3),
        (1, 32, 1, 1),
    ]


@pytest.mark.parametrize("stride", [8, 14, 16, 32])
@pytest.mark.parametrize("size", [(0, 0), (1, -3), (5, 40)])
def test_decoder__reads_out_at_the_size_it_is_told_at_any_aspect(stride: int, size: tuple[int, int]) -> None:
    rows, columns = 3, 5
    wanted = (rows * stride + size[0], columns * stride + size[1])
    said = UpsampleDecoder(layout(stride), 32)(features(stride, rows, columns), wanted)
    assert said.logit.shape == (2, *wanted)
    assert said.out_conv.shape == (2, 32, *wanted)
    taps = said.taps()
    assert taps.relative is said.logit
    assert taps.out_conv is said.out_conv
    assert taps.pyramid == ()
    assert taps.bottleneck.shape == (2, 12, rows, columns)


def test_decoder__a_map_that_fits_is_not_resized(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.nn.functional.interpolate", lambda *_args, **_options: pytest.fail("it was resized"))
    assert UpsampleDecoder(layout(16), 32)(features(16, 4, 6), (64, 96)).logit.shape == (2, 64, 96)


def test_decoder__a_bright_pixel_of_the_map_stays_where_it_was() -> None:
    decoder = UpsampleDecoder(layout(16, 1), 4).eval()
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            if parameter.ndim > 1:
                parameter.fill_(0.1)
            elif name.endswith("bias"):
                parameter.zero_()  # drawn at random, it would light up the borders now more, now less
    for size in ((112, 112), (98, 98)):
        coarse = torch.zeros(1, 1, 7, 7)
        coarse[..., 2, 4] = 10.0
        logit = decoder(Features(maps=(coarse,), strides=(16,), prefix=()), size).logit[0]
        logit = logit - logit.min()
        places = (torch.arange(size[0]) + 0.5) / size[0] * 7
        row, column = ((logit.sum(dim=axis) * places).sum() / logit.sum() for axis in (1, 0))
        assert (row.item(), column.item()) == pytest.approx((2.5, 4.5), abs=0.02)


def test_decoder__a_map_twice_too_large_is_averaged_in_fours() -> None:
    decoder, given = UpsampleDecoder(layout(16), 8).eval(), features(16, 3, 4)
    twice = decoder(given, (48, 64)).logit
    torch.testing.assert_close(decoder(given, (24, 32)).logit, torch.nn.functional.avg_pool2d(twice, 2))


def test_decoder__reads_the_last_map_of_several() -> None:
    decoder = UpsampleDecoder(layout(16), 16).eval()
    one = features(16, 2, 2)
    several = Features(maps=(torch.full((2, 3, 9, 9), torch.nan), *one.maps), strides=(4, 16), prefix=())
    assert torch.equal(decoder(one, (32, 32)).logit, decoder(several, (32, 32)).logit)


def test_decoder__every_parameter_learns_and_its_last_bias_is_the_one_it_names() -> None:
    decoder = UpsampleDecoder(layout(16), 16)
    said = decoder(features(16, 2, 2), (32, 32))
    torch.autograd.backward(said.logit.square().sum())
    assert all(one.grad is not None for one in decoder.parameters())
    before = said.logit.detach().clone()
    with torch.no_grad():
        decoder.get_parameter(decoder.logit_bias).add_(1.0)
    lifted = decoder.head[2](said.out_conv).squeeze(1)
    torch.testing.assert_close(lifted, before + 1.0)


def test_decoder__widths_may_be_told_and_be_more_than_needed() -> None:
    decoder = UpsampleDecoder(layout(16), 256, (8, 6, 5, 4, 3))
    assert [stage[0].weight.shape[1] for stage in decoder.net.children()] == [8, 6, 5, 4, 3]  # type: ignore[index]
    assert decoder(features(16, 2, 3), (32, 48)).logit.shape == (2, 32, 48)


SHAPES = [("vit_small_patch16_224.augreg_in21k", size) for size in ((224, 224), (96, 96), (320, 192), (720, 1280))]
SHAPES += [("resnet50.a1_in1k", (1280, 736)), ("resnet50.a1_in1k", (736, 1280))]


@pytest.mark.parametrize(("name", "size"), SHAPES)
def test_depth_model__the_references_backbones_give_depth_at_the_size_of_the_image(name: str, size: tuple[int, int]) -> None:
    config = DepthModelConfig(encoder=f"timm:{name}", decoder="upsample", head=SigmoidHeadConfig(max_depth_m=1.0))
    with torch.device("meta"):
        model = DepthModel(config)
        found = model.encode(torch.zeros(2, 3, *size))
        stride, width, count = (16, 384, 4) if name.startswith("vit") else (32, 2048, 5)
        assert [tuple(one.shape) for one in found.maps] == [(2, width, size[0] // stride, size[1] // stride)]
        assert isinstance(model.decoder, UpsampleDecoder)
        assert len(model.decoder.net) == count
        assert model.decode(found, size).shape == (2, *size)
        assert model.embed(found).shape == (2, width)
