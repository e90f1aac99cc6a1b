# SPDX-License-Identifier: Apache-2.0
"""Monodepth2's decoder: sizes, skips, parameters, and what its sigmoid means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.models.stereo.sigmoid_decoder import SigmoidDecoder, sigmoid_depth, sigmoid_inverse_depth
from tests.shared_paths import stored

CHANNELS = (8, 12, 16, 20)


def features(size: tuple[int, int], strides: tuple[float, ...], channels: tuple[int, ...] = CHANNELS) -> tuple[Tensor, ...]:
    height, width = size
    sides = [(-(-height // stride), -(-width // stride)) for stride in strides]
    return tuple(torch.rand(2, c, int(h), int(w)) for c, (h, w) in zip(channels, sides, strict=True))


@pytest.mark.parametrize("strides", [(4, 8, 16, 32), (2, 4, 8, 16), (3.5, 7, 14, 28)])
@pytest.mark.parametrize("size", [(64, 96), (75, 93)])
def test_sigmoid_decoder__hands_out_four_scales_of_any_size(strides: tuple[float, ...], size: tuple[int, int]) -> None:
    decoder = SigmoidDecoder(CHANNELS, finest_stride=strides[0])
    maps = features(size, strides)
    said = decoder(maps, size)
    assert said[0].shape == (2, *size)
    halvings = 1 if strides[0] == 2 else 2
    if halvings == 2:
        assert said[1].shape[-2:] == (-(-size[0] // 2), -(-size[1] // 2))
    assert [one.shape[-2:] for one in said[halvings:]] == [one.shape[-2:] for one in maps[: 4 - halvings]]
    assert all(one.dtype == torch.float32 and 0 < float(one.detach().min()) < float(one.detach().max()) < 1 for one in said)


def test_sigmoid_decoder__of_five_levels_is_monodepth2s() -> None:
    channels, widths = (64, 64, 128, 256, 512), (256, 128, 64, 32, 16)
    decoder = SigmoidDecoder(channels, finest_stride=2)
    inward = (512, *widths[:-1])
    joined = [width + skip for width, skip in zip(widths, (256, 128, 64, 64, 0), strict=True)]
    layers = zip((*inward, *joined, 128, 64, 32, 16), (*widths, *widths, 1, 1, 1, 1), strict=True)
    wanted = sum((9 * before + 1) * after for before, after in layers)
    assert sum(one.numel() for one in decoder.parameters()) == wanted == 3_152_724


def test_sigmoid_decoder__uses_every_map_and_parameter() -> None:
    torch.manual_seed(0)
    decoder, maps = SigmoidDecoder(CHANNELS, finest_stride=4), features((64, 64), (4, 8, 16, 32))
    maps = tuple(one.requires_grad_() for one in maps)
    decoder(maps, (64, 64))[0].sum().backward()
    assert all(one.grad is not None and bool(one.grad.abs().sum() > 0) for one in maps)
    unused = [name for name, one in decoder.named_parameters() if one.grad is None]
    assert unused == [
        name for name, _ in decoder.named_parameters() if name.startswith(("outputs.0", "outputs.1", "outputs.2"))
    ]


def test_sigmoid_decoder__bends_below_zero_like_an_elu() -> None:
    torch.manual_seed(0)
    decoder = SigmoidDecoder(CHANNELS, finest_stride=4)
    seen: list[Tensor] = []
    for one in (*decoder.shrinking, *decoder.joining):
        one.register_forward_hook(lambda *given: seen.append(given[2]))
    decoder(features((64, 64), (4, 8, 16, 32)), (64, 64))
    assert len(seen) == 10
    assert all(-1 < float(one.detach().min()) < 0 < float(one.detach().max()) for one in seen)


def test_start_at__lets_random_weights_speak_of_a_depth() -> None:
    decoder = SigmoidDecoder(CHANNELS, finest_stride=4)
    decoder.start_at(5.0)
    with torch.no_grad():
        said = decoder(features((64, 64), (4, 8, 16, 32)), (64, 64))
    assert all(2.5 < float(sigmoid_depth(one).median()) < 10 for one in said)


def test_sigmoid__means_what_monodepth2_says() -> None:
    known = stored("monodepth2")
    sigmoid = torch.from_numpy(known["sigmoid"])
    np.testing.assert_allclose(sigmoid_inverse_depth(sigmoid).numpy(), known["disp_to_depth.scaled_disp"], rtol=1e-5)
    np.testing.assert_allclose(sigmoid_depth(sigmoid).numpy(), known["disp_to_depth.depth"], rtol=1e-5)


def test_sigmoid__reaches_its_ends() -> None:
    ends = torch.tensor([0.0, 1.0])
    torch.testing.assert_close(sigmoid_depth(ends, least=0.5, greatest=20.0), torch.tensor([20.0, 0.5]))


def test_sigmoid_decoder__refuses_an_encoder_that_gives_too_little() -> None:
    with pytest.raises(ContractError, match=r"at least two maps.*got 1 maps"):
        SigmoidDecoder((8,), finest_stride=4)
    with pytest.raises(ContractError, match="finest stride 1"):
        SigmoidDecoder((8, 8), finest_stride=1)
