# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import timm
import torch
from torch.nn import functional as F  # noqa: N812

from leadline.models.beit import (
    MIDAS,
    Attention,
    BeitVisionTransformer,
    _distances_from_each_patch,
    _distances_looked_up,
)
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.encoder_sizes import BEIT_SIZES, BeitSize

TOY = BEIT_SIZES["beit-toy"]


def random_attention(size: BeitSize = TOY) -> Attention:
    torch.manual_seed(0)
    attention = Attention(size)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return attention.eval()


def looked_up(attention: Attention, h: int, w: int) -> torch.Tensor:
    """The bias of every pair of tokens, one pair at a time."""
    table, side = attention.relative_position_bias_table, 2 * attention.native - 1
    grid = F.interpolate(table[:-3].T.reshape(1, -1, side, side), (2 * h - 1, 2 * w - 1), mode="bilinear")[0]
    bias = torch.empty(attention.heads, 1 + h * w, 1 + h * w)
    for query in range(h * w):
        for key in range(h * w):
            down, right = query // w - key // w, query % w - key % w
            bias[:, 1 + query, 1 + key] = grid[:, h - 1 + down, w - 1 + right]
    bias[:, 0, :], bias[:, :, 0], bias[:, 0, 0] = table[-3][:, None], table[-2][:, None], table[-1]
    return bias


@pytest.mark.parametrize("grid", [(4, 4), (3, 5), (2, 7), (1, 1)])
def test_position_bias__is_that_of_the_distance_between_query_and_key(grid: tuple[int, int]) -> None:
    attention = random_attention()
    torch.testing.assert_close(attention.position_bias(*grid), looked_up(attention, *grid))


def test_position_bias__of_the_native_grid_is_timms() -> None:
    peer = timm.create_model("beit_base_patch16_224", num_classes=0)
    block = peer.blocks[0].attn
    torch.nn.init.normal_(block.relative_position_bias_table)
    attention = Attention(BeitSize(dim=24, depth=1, heads=12, taps=(0,), features=8, channels=(8,), native_grid=14))
    attention.relative_position_bias_table = block.relative_position_bias_table
    torch.testing.assert_close(attention.position_bias(14, 14), block._get_rel_pos_bias()[0])


def test_attention__gradient_reaches_the_whole_table() -> None:
    attention = random_attention()
    attention(torch.randn(1, 17, TOY.dim), 4, 4).square().sum().backward()
    gradient = attention.relative_position_bias_table.grad
    assert gradient is not None
    assert (gradient.abs().sum(dim=1) > 0).all()


def test_beit__takes_any_grid_and_reads_four_blocks_with_their_class_tokens() -> None:
    encoder = BeitVisionTransformer(TOY, (0, 1, 2, 3)).eval()
    features = encoder(torch.randn(2, 3, 48, 80))
    assert [tuple(one.shape) for one in features.maps] == [(2, 32, 3, 5)] * 4
    assert [tuple(one.shape) for one in features.prefix] == [(2, 1, 32)] * 4
    assert encoder.layout.normalisation == MIDAS
    assert encoder.layout.size_multiple == 32


def test_beit__is_normalised_and_read_out_as_midas_does() -> None:
    model = DepthModel(DepthModelConfig(encoder="beit-toy")).eval()
    assert model.config.readout == "project"
    with torch.inference_mode():
        assert model(torch.randn(1, 3, 75, 50)).shape == (1, 75, 50)
    silent = [name for name, one in model.named_parameters() if one.requires_grad and not _reached(model, name)]
    assert silent == []


def _reached(model: DepthModel, name: str) -> bool:
    if all(one.grad is None for one in model.parameters()):
        model.zero_grad()
        model.taps(torch.randn(1, 3, 64, 96)).relative.sum().backward()  # type: ignore[no-untyped-call]
    return dict(model.named_parameters())[name].grad is not None


def test_beit__half_precision_stays_close() -> None:
    torch.manual_seed(0)
    encoder = BeitVisionTransformer(TOY, (0, 1, 2, 3)).eval()
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        wanted = encoder(image).maps[3]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            got = encoder(image).maps[3]
    assert (got - wanted).abs().max() < 0.05 * wanted.abs().max()


@pytest.mark.parametrize("grid", [(4, 4), (3, 5), (2, 7), (1, 1)])
def test_distances__looked_up_are_those_of_the_sliding_windows(grid: tuple[int, int]) -> None:
    h, w = grid
    distances = torch.randn(3, 2 * h - 1, 2 * w - 1)
    slid = _distances_from_each_patch(distances, h, w)
    assert slid.shape == (3, h, w, h, w)
    assert torch.equal(_distances_looked_up(distances, h, w), slid)
