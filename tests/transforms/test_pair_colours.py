# SPDX-License-Identifier: Apache-2.0
"""The views of one scene change alike, and nothing but their colours does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as pixels

from leadline.contracts.errors import ContractError, UsageError
from leadline.transforms.pair_colours import GammaColours, JitterColours, PairColours

FIXED = GammaColours(p=1.0, gamma=(2.0, 2.0), brightness=(1.5, 1.5), channel=(0.5, 0.5))
BOTH = [GammaColours(p=1.0), JitterColours(p=1.0)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scenes(count: int = 3, seed: int = 5) -> Tensor:
    return torch.rand(count, 3, 6, 8, generator=seeded(seed))


def test_gamma_colours__computes_power_times_brightness_times_channel() -> None:
    (found,) = FIXED([torch.full((2, 3, 2, 2), 0.4)], seeded())
    torch.testing.assert_close(found, torch.full((2, 3, 2, 2), 0.4**2 * 1.5 * 0.5))


def test_gamma_colours__clips_at_one_and_keeps_black() -> None:
    bright = replace(FIXED, brightness=(9.0, 9.0))
    (found,) = bright([torch.tensor([0.0, 1.0]).expand(1, 3, 1, 2)], seeded())
    assert found.flatten().tolist() == [0.0, 1.0] * 3


def test_gamma_colours__has_the_ranges_of_the_published_run() -> None:
    assert GammaColours() == GammaColours(p=0.5, gamma=(0.8, 1.2), brightness=(0.5, 2.0), channel=(0.8, 1.2))


def test_gamma_colours__draws_every_factor_from_its_whole_range() -> None:
    grey = torch.full((3000, 3, 1, 1), 0.2)  # 0.2 * 2 * 1.2 is not clipped
    (found,) = GammaColours(p=1.0, gamma=(1.0, 1.0))([grey], seeded())
    gains = found[:, :, 0, 0] / 0.2
    assert 0.4 <= float(gains.min()) < 0.45
    assert 2.25 < float(gains.max()) <= 2.4 + 1e-5
    tint = gains / gains.mean(dim=1, keepdim=True)
    assert float(tint.std(dim=1).median()) > 0.05  # the channels are drawn apart
    (powered,) = GammaColours(p=1.0, brightness=(1.0, 1.0), channel=(1.0, 1.0))([grey], seeded())
    powers = powered[:, 0, 0, 0].log() / grey[:, 0, 0, 0].log()
    assert float(powers.min()) == pytest.approx(0.8, abs=0.01)
    assert float(powers.max()) == pytest.approx(1.2, abs=0.01)


def test_gamma_colours__passes_on_what_is_not_drawn_bit_by_bit() -> None:
    given = scenes(200)
    (found,) = GammaColours(p=0.5)([given], seeded())
    same = (found == given).flatten(1).all(dim=1)
    assert 70 < int(same.sum()) < 130


@pytest.mark.parametrize("colours", BOTH, ids=lambda one: type(one).__name__)
def test_pair_colours__change_the_views_of_a_scene_alike_and_scenes_apart(colours: PairColours) -> None:
    one = scenes(1).expand(3, 3, 6, 8)
    target, other, third = colours([one, one.clone(), one.clone()], seeded())
    assert torch.equal(target, other)
    assert torch.equal(target, third)
    assert not torch.equal(target[0], target[1])
    assert not torch.equal(target, one)


@pytest.mark.parametrize("colours", BOTH, ids=lambda one: type(one).__name__)
def test_pair_colours__are_the_generator_s_and_leave_the_given_views_alone(colours: PairColours) -> None:
    given = scenes()
    before = given.clone()
    assert torch.equal(colours([given], seeded(3))[0], colours([given], seeded(3))[0])
    assert not torch.equal(colours([given], seeded(3))[0], colours([given], seeded(4))[0])
    assert torch.equal(given, before)


@pytest.mark.parametrize("colours", BOTH, ids=lambda one: type(one).__name__)
def test_pair_colours__stay_between_zero_and_one_in_float32(colours: PairColours) -> None:
    for found in colours([scenes(20), scenes(20, seed=6)], seeded()):
        assert found.dtype == torch.float32
        assert found.shape == (20, 3, 6, 8)
        assert 0 <= float(found.min()) < float(found.max()) <= 1


@pytest.mark.parametrize("kind", [GammaColours, JitterColours])
def test_pair_colours__take_the_same_draws_whatever_happens(kind: type[GammaColours] | type[JitterColours]) -> None:
    states = []
    for chance in (0.0, 1.0):
        generator = seeded()
        found = kind(p=chance)([scenes()], generator)[0]
        assert torch.equal(found, scenes()) == (chance == 0.0)
        states.append(generator.get_state())
    assert torch.equal(*states)


def test_jitter_colours__has_monodepth2s_strengths() -> None:
    assert JitterColours() == JitterColours(p=0.5, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1)


@pytest.mark.parametrize("kind", range(4))
def test_jitter_colours__applies_each_kind_with_its_own_strength(kind: int) -> None:
    names = ("brightness", "contrast", "saturation", "hue")
    strengths = dict.fromkeys(names, 0.0) | {names[kind]: 0.3}
    given = 0.2 + 0.5 * scenes(1)
    (found,) = JitterColours(p=1.0, **strengths)([given], seeded(2))
    way = 2 * float(torch.rand(5, generator=seeded(2), dtype=torch.float64)[1 + kind]) - 1
    change = getattr(pixels, f"adjust_{names[kind]}")
    expected = change(given, way * 0.3 if kind == 3 else 1 + way * 0.3)
    torch.testing.assert_close(found, expected.clamp(0, 1), atol=2e-6, rtol=0)
    assert not torch.allclose(found, given, atol=1e-3)


def test_jitter_colours__applies_the_kinds_in_changing_order() -> None:
    given = scenes(1).expand(40, 3, 6, 8)
    jitter = JitterColours(p=1.0, brightness=0.9, contrast=0.9, saturation=0.0, hue=0.0)
    generator = seeded()
    draws, orders = [], []
    for _ in range(40):
        draws.append(torch.rand(5, generator=generator, dtype=torch.float64).tolist())
        orders.append(torch.randperm(4, generator=generator).tolist())
    (found,) = jitter([given], seeded())
    first = {order.index(0) < order.index(1) for order in orders}
    assert first == {True, False}
    for picture, draw, order in zip(found, draws, orders, strict=True):
        expected = given[0]
        for kind in order:
            factor = 1 + (2 * draw[1 + kind] - 1) * 0.9
            if kind < 2:
                expected = (pixels.adjust_brightness, pixels.adjust_contrast)[kind](expected, factor)
        torch.testing.assert_close(picture, expected.clamp(0, 1), atol=1e-5, rtol=0)


def test_pair_colours__refuse_views_of_different_batches_and_none() -> None:
    with pytest.raises(ContractError, match="2 on cpu and 3 on cpu"):
        GammaColours()([scenes(2), scenes(3)], seeded())
    with pytest.raises(ContractError, match="got none"):
        JitterColours()([], seeded())


@pytest.mark.parametrize("wrong", [{"p": 1.5}, {"gamma": (0.0, 1.0)}, {"brightness": (2.0, 1.0)}, {"channel": (-1.0, 1.0)}])
def test_gamma_colours__refuses_what_cannot_be_drawn(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong)) if "p" not in wrong else "chance"):
        GammaColours(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "word"), [({"p": -0.1}, "chance"), ({"hue": 0.6}, "hue"), ({"contrast": 2.0}, "strengths")]
)
def test_jitter_colours__refuses_what_cannot_be_drawn(wrong: dict[str, float], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        JitterColours(**wrong)
