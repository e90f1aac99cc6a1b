# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from leadline.models.stereo.config import StereoModelConfig
from leadline.models.stereo.stereo_model import StereoModel
from leadline.models.stereo.volume_decoder import MERGED_LEVELS, VolumeDecoder, level_list
from tests.models.stereo.tio_fixture import FEATURE_CHANNELS, TOY, Name, features, model, stored

SWIN = (96, 192, 384, 768)
# What the released decoder has over each pyramid, counted in it: taps "reassemble" and "rn" of DINOv2 S, B, L, G.
COUNTS: dict[tuple[int, ...], int] = {
    SWIN: 8_213_794,
    (48, 96, 192, 384): 6_610_210,
    (256, 512, 1024, 1024): 11_199_778,
    (1536,) * 4: 17_392_930,
    (64,) * 4: 5_522_722,
    (128,) * 4: 6_038_818,
    (256,) * 4: 7_071_010,
    (384,) * 4: 8_103_202,
}
SIZE = (37, 70)


def count(module: nn.Module | None) -> int:
    return 0 if module is None else sum(one.numel() for one in module.parameters())


def decoder(config: StereoModelConfig = TOY) -> VolumeDecoder:
    torch.manual_seed(0)
    return VolumeDecoder(FEATURE_CHANNELS, config).eval()


def odd_features(seed: int = 0) -> tuple[Tensor, ...]:
    """Maps of an image of ``SIZE``, at strides 2 to 16, rounded up."""
    draw = torch.Generator().manual_seed(seed)
    shapes = [(-(-SIZE[0] // 2**n), -(-SIZE[1] // 2**n)) for n in (1, 2, 3, 4)]
    return tuple(torch.randn(2, c, *shape, generator=draw) for c, shape in zip(FEATURE_CHANNELS, shapes, strict=True))


@pytest.mark.parametrize("channels", COUNTS)
def test_decoder__has_as_many_parameters_as_the_release(channels: tuple[int, ...]) -> None:
    with torch.device("meta"):
        assert count(VolumeDecoder(channels, StereoModelConfig())) == COUNTS[channels]


def test_decoder__has_the_release_s_numbers_of_parameters_in_each_part() -> None:
    with torch.device("meta"):
        built = VolumeDecoder(SWIN, StereoModelConfig())
    assert [count(built.matching[str(level)]) for level in MERGED_LEVELS] == [744_064, 744_064, 214_336]
    assert [count(built.raw.ending.offsets[str(level)]) for level in MERGED_LEVELS] == [136_192, 136_192, 35_328]
    assert count(built.raw.ending.output) == 28_273
    assert count(built.refined) == count(built.raw.ending) == 136_192 * 2 + 35_328 + 28_273


def test_decoder__without_matching_or_refined_path_does_not_build_them() -> None:
    plain = decoder(replace(TOY, matching=False, refined=False, monocular="raw"))
    assert len(plain.matching) == 0
    assert plain.refined is None
    assert count(plain) == count(plain.raw) < count(decoder())


@torch.no_grad()
def test_decode__reads_maps_of_any_size_out_at_the_image() -> None:
    built = decoder()
    assert built.decode(odd_features(), SIZE, built.raw.ending).shape == (2, 49, *SIZE)


@torch.no_grad()
def test_compare__gives_costs_at_the_sizes_of_the_encoder_s_maps_coarse_to_fine() -> None:
    found = decoder().compare(target=odd_features(0), other=odd_features(1), width_px=SIZE[1], direction=1)
    assert [tuple(one.shape) for one in found.target_costs] == [(2, 49, 5, 9), (2, 49, 10, 18), (2, 49, 19, 35)]
    assert [one.shape for one in found.other_costs] == [one.shape for one in found.target_costs]
    assert found.target.shape == found.other.shape == (2, 16, 19, 35)


@torch.no_grad()
def test_compare__of_swapped_views_in_the_other_direction_swaps_what_it_says() -> None:
    built, one, two = decoder(), odd_features(0), odd_features(1)
    left = built.compare(target=one, other=two, width_px=70, direction=1)
    right = built.compare(target=two, other=one, width_px=70, direction=-1)
    assert torch.equal(left.target, right.other)
    assert torch.equal(left.other, right.target)
    assert all(torch.equal(a, b) for a, b in zip(left.target_costs, right.other_costs, strict=True))


@torch.no_grad()
def test_refined_path__is_the_raw_one_where_both_last_layers_agree_before_training() -> None:
    built = decoder()
    assert built.refined is not None
    raw, refined = (built.decode(odd_features(), SIZE, one) for one in (built.raw.ending, built.refined))
    assert not torch.allclose(raw, refined)
    built.refined.output.load_state_dict(built.raw.ending.output.state_dict())
    assert torch.equal(built.decode(odd_features(), SIZE, built.refined), raw)
    nn.init.normal_(built.refined.offsets["2"][3].weight, std=0.1)  # type: ignore[index]
    assert not torch.allclose(built.decode(odd_features(), SIZE, built.refined), raw)


@pytest.mark.parametrize("name", ["tio_decoder", "tio_decoder_wide"])
@torch.no_grad()
def test_offsets__are_those_of_the_release(name: Name) -> None:
    net = model()
    seen = _offsets(net, name, "raw") | _offsets(net, name, "refined")
    for (path, level, which), offsets in seen.items():
        thinned = "_s4" if level == 1 else ""
        stride = 4 if level == 1 else 1
        stem = {"raw": "mono", "refined": "refmono"}[path]
        expected = stored(name)[f"out.{stem}_delta_{level}-{which}_s{thinned}"]
        assert (offsets[..., ::stride, ::stride] - expected).abs().max() < 1e-3
    assert len(seen) == 12


def _offsets(net: StereoModel, name: Name, path: str) -> dict[tuple[str, int, int], Tensor]:
    """By path, level and the number that the release gives each map: 1 decoder, 2 encoder, 3 encoder of the refined path."""
    seen: dict[tuple[str, int, int], Tensor] = {}
    ending = net.decoder.raw.ending if path == "raw" else net.decoder.refined
    assert ending is not None
    hooks = []
    for level in MERGED_LEVELS:
        merge = net.decoder.raw.aggregate[str(level)]
        for which, generator in ((1, merge.decoder_offsets), (2 if path == "raw" else 3, ending.offsets[str(level)])):

            def keep(_m: nn.Module, _i: object, out: Tensor, key: tuple[str, int, int] = (path, level, which)) -> None:
                seen[key] = out

            hooks.append(generator.register_forward_hook(keep))  # type: ignore[union-attr]
    net.decoder.decode(features(name, "s"), (32, 256), ending)
    for hook in hooks:
        hook.remove()
    return seen


def test_level_list__gives_numbers_even_where_a_network_is_built_without_any() -> None:
    with torch.device("meta"):
        levels_px = level_list(StereoModelConfig())
    assert (levels_px[0], len(levels_px)) == (2.0, 49)
    assert levels_px[-1] == pytest.approx(300)
