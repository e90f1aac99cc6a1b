# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import Tensor, nn

from leadline.geometry.levels import expected_disparity, exponential_levels
from leadline.models.stereo.matching import ChannelGate, FeatureMatching
from tests.models.stereo.tio_fixture import SIZES, Name, model, stored

LEVELS_PX = tuple(exponential_levels().tolist())


def matching(*, channels: int = 16, parity: bool = False) -> FeatureMatching:
    torch.manual_seed(3)
    return FeatureMatching(channels, LEVELS_PX, parity=parity).eval()


def maps(width: int = 40, *, channels: int = 16) -> tuple[Tensor, Tensor]:
    drawn = torch.randn(2, 1, channels, 5, width, generator=torch.Generator().manual_seed(1))
    return drawn[0], drawn[1]


@pytest.mark.parametrize("name", ["tio_decoder", "tio_decoder_wide"])
@torch.no_grad()
def test_matching__gives_the_release_s_numbers(name: Name) -> None:
    arrays, module = stored(name), model().decoder.matching["3"]
    for item, passed in enumerate(arrays["mfm3.direct_as_passed"]):
        maps = {"target": arrays["mfm3.target"][item : item + 1], "other": arrays["mfm3.source"][item : item + 1]}
        out, cost = module(**maps, width_px=SIZES[name][1], direction=-int(passed))
        assert (out - arrays["mfm3.out"][item]).abs().max() < 1e-4
        assert (cost - arrays["mfm3.cost"][item]).abs().max() < 1e-4


@torch.no_grad()
def test_matching__of_swapped_views_in_the_other_direction_is_the_same() -> None:
    module, (one, two) = matching(), maps()
    first = module(target=one, other=two, width_px=320, direction=1)
    second = module(target=two, other=one, width_px=320, direction=-1)
    again = module(target=one, other=two, width_px=320, direction=1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.allclose(first[1], second[1])


@torch.no_grad()
def test_matching__of_mirrored_views_in_the_other_direction_is_mirrored() -> None:
    module, (one, two) = matching(), maps()
    _, cost = module(target=one, other=two, width_px=320, direction=1)
    _, mirrored = module(target=one.flip(3), other=two.flip(3), width_px=320, direction=-1)
    assert torch.allclose(mirrored.flip(3), cost, atol=6e-6)


@pytest.mark.parametrize("direction", [1, -1])
@torch.no_grad()
def test_matching__peaks_at_the_level_that_reaches_what_the_other_view_shows(direction: int) -> None:
    module = matching()
    for layer in (module.query, module.key):
        nn.init.constant_(layer.weight, 0.1)
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    target, other = torch.ones(1, 16, 1, 200), torch.zeros(1, 16, 1, 200)
    spot = 90
    other[..., spot] = 40.0
    _, cost = module(target=target, other=other, width_px=800, direction=direction)
    shifts_px = torch.tensor(LEVELS_PX) / 4
    found_px = expected_disparity(cost.softmax(dim=1), torch.tensor(LEVELS_PX))[0, 0] / 4
    for distance in (1, 2, 5, 9, 10):  # where levels are less than a pixel apart
        place = spot + direction * distance
        assert cost[0, :, 0, place].argmax() == (shifts_px - distance).abs().argmin()
        assert found_px[place] == pytest.approx(distance, abs=0.4)


def test_shifts_px__are_the_levels_in_pixels_of_the_map() -> None:
    assert matching().shifts_px(16, 256) == pytest.approx([one / 16 for one in LEVELS_PX], rel=1e-12)


def test_shifts_px__fall_short_by_a_pixel_s_share_with_parity() -> None:
    assert matching(parity=True).shifts_px(16, 256) == pytest.approx([one / 16 * 15 / 16 for one in LEVELS_PX], rel=1e-12)


def test_matching__hands_the_features_a_softmax_and_the_caller_the_raw_costs() -> None:
    module, (one, two) = matching(), maps()
    seen: list[Tensor] = []
    module.fuse[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    _, cost = module(target=one, other=two, width_px=320, direction=1)
    assert torch.equal(seen[0][:, :16], one)
    assert torch.allclose(seen[0][:, 16:], len(LEVELS_PX) * cost.softmax(dim=1))
    assert not torch.allclose(cost.sum(dim=1), torch.ones(()))


def test_matching__mixes_shares_as_quietly_as_the_release_with_parity() -> None:
    module, (one, two) = matching(parity=True), maps()
    seen: list[Tensor] = []
    module.fuse[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    _, cost = module(target=one, other=two, width_px=320, direction=1)
    assert torch.allclose(seen[0][:, 16:], cost.softmax(dim=1))


def test_matching__begins_by_handing_the_features_on() -> None:
    module, (one, two) = matching(), maps()
    with torch.no_grad():
        module.get_parameter("fuse.0.weight")[:, 16:] = 0
        for name in ("fuse.1.weigh.0.weight", "fuse.1.weigh.2.weight"):
            module.get_parameter(name).zero_()
        found, _ = module(target=one, other=two, width_px=320, direction=1)
    assert torch.allclose(found, torch.nn.functional.elu(one), atol=1e-6)


def test_matching__of_wide_features_has_the_release_s_number_of_parameters() -> None:
    counts = [sum(one.numel() for one in matching(channels=width).parameters()) for width in (256, 128)]
    assert counts == [744_064, 214_336]


def test_channel_gate__weighs_whole_channels_by_their_means() -> None:
    gate = ChannelGate(32)
    x = torch.rand(2, 32, 3, 4)
    ratio = gate(x) / x
    assert torch.allclose(ratio, ratio[:, :, :1, :1].expand_as(ratio))
    assert ((ratio > 0) & (ratio < 1)).all()
    assert not torch.allclose(ratio[0], ratio[1])
