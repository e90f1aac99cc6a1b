# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as pixels

from leadline.contracts.errors import UsageError
from leadline.transforms.strong import REFERENCE, StrongPerturbation

NOTHING = StrongPerturbation(jitter_p=0.0, grey_p=0.0, blur_p=0.0)
JITTER = dataclasses.replace(NOTHING, jitter_p=1.0, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 2, side_px: int = 24) -> Tensor:
    return torch.rand(count, 3, side_px, side_px, generator=seeded(7))


@pytest.mark.parametrize("perturb", [StrongPerturbation(), REFERENCE])
def test_strong_perturbation__keeps_shape_range_and_the_input(perturb: StrongPerturbation) -> None:
    given = pictures()
    before = given.clone()
    found = perturb(given, seeded())
    assert found.shape == given.shape
    assert found.dtype == torch.float32
    assert 0 <= found.min() < found.max() <= 1
    assert not torch.equal(found, given)
    assert torch.equal(given, before)


def test_strong_perturbation__is_the_generator_s_and_differs_between_pictures() -> None:
    given = pictures(1).expand(2, 3, 24, 24)
    found = StrongPerturbation()(given, seeded(3))
    assert torch.equal(found, StrongPerturbation()(given, seeded(3)))
    assert not torch.equal(found[0], found[1])


def test_strong_perturbation__takes_the_same_draws_whatever_happens() -> None:
    states = []
    for perturb in (NOTHING, REFERENCE):
        generator = seeded()
        perturb(pictures(), generator)
        states.append(generator.get_state())
    assert torch.equal(*states)


def test_strong_perturbation__of_chance_zero_changes_nothing() -> None:
    given = pictures()
    assert torch.equal(NOTHING(given, seeded()), given)
    torch.testing.assert_close(JITTER(given, seeded()), given)


def factors(**change: float) -> Tensor:
    """Mean brightness after jitter by 400 draws of a mid grey picture, over that before."""
    grey = torch.full((400, 3, 2, 2), 0.4)
    return dataclasses.replace(JITTER, **change)(grey, seeded()).mean(dim=(1, 2, 3)) / 0.4  # type: ignore[arg-type]


def test_strong_perturbation__brightness_is_uniform_within_its_limits() -> None:
    found = factors(brightness=0.5)
    assert 0.5 <= found.min() < 0.52
    assert 1.48 < found.max() <= 1.5
    assert found.mean() == pytest.approx(1, abs=0.04)


def test_strong_perturbation__hue_turns_both_ways_as_far_as_told() -> None:
    red = torch.zeros(400, 3, 1, 1)
    red[:, 0] = 1
    found = dataclasses.replace(JITTER, hue=0.25)(red, seeded())[:, :, 0, 0]
    furthest = [pixels.adjust_hue(red[:1], turn)[0, :, 0, 0] for turn in (-0.25, 0.25)]
    assert found[:, 1].max() == pytest.approx(float(furthest[1][1]), abs=0.05)  # towards green
    assert found[:, 2].max() == pytest.approx(float(furthest[0][2]), abs=0.05)  # towards blue
    assert ((found[:, 1] > 0) & (found[:, 2] > 0)).float().mean() < 0.05


@pytest.mark.parametrize(
    ("kind", "adjust"), [("contrast", pixels.adjust_contrast), ("saturation", pixels.adjust_saturation)]
)
def test_strong_perturbation__contrast_and_saturation_are_torchvision_s(kind: str, adjust: Any) -> None:
    given = 0.3 + 0.3 * pictures(1)
    found = dataclasses.replace(JITTER, **{kind: 0.5})(given.expand(200, 3, 24, 24), seeded())  # type: ignore[arg-type]
    assert found.std(dim=(1, 2, 3)).min() < given.std() < found.std(dim=(1, 2, 3)).max()
    spread = (found - given.mean()).abs().mean(dim=(1, 2, 3))
    torch.testing.assert_close(found[spread.argmax()], adjust(given, 1.5)[0], atol=0.01, rtol=0)


def test_strong_perturbation__the_four_kinds_of_jitter_come_in_every_order() -> None:
    orders = {tuple(_order(seed)) for seed in range(200)}
    assert len(orders) == 24
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)


def _order(seed: int) -> list[int]:
    """The kinds in the order in which they were asked for."""
    asked: list[int] = []

    class Watched(StrongPerturbation):
        def _jittered(self, picture: Tensor, kind: int, way: float) -> Tensor:  # noqa: ARG002
            asked.append(kind)
            return picture

    Watched(jitter_p=1.0)(torch.rand(1, 3, 4, 4), seeded(seed))
    return asked


def test_strong_perturbation__grey_and_blur_happen_as_often_as_told() -> None:
    given = pictures(1, 8).expand(1000, 3, 8, 8)
    grey = dataclasses.replace(NOTHING, grey_p=0.2)(given, seeded())
    assert (grey[:, 0] == grey[:, 1]).flatten(1).all(dim=1).float().mean() == pytest.approx(0.2, abs=0.04)
    blurred = dataclasses.replace(NOTHING, blur_p=0.5, blur_sigma_px=(1.0, 2.0))(given, seeded())
    assert (blurred != given).flatten(1).any(dim=1).float().mean() == pytest.approx(0.5, abs=0.05)


def test_strong_perturbation__blur_is_a_gaussian_of_the_sigma() -> None:
    point = torch.zeros(1, 3, 41, 41)
    point[:, :, 20, 20] = 1
    found = dataclasses.replace(NOTHING, blur_p=1.0, blur_sigma_px=(2.0, 2.0))(point, seeded())[0, 0]
    offsets = torch.arange(41.0) - 20
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert float((found.sum(dim=0) * offsets.square()).sum()) == pytest.approx(4.0, rel=0.05)
    soft = dataclasses.replace(NOTHING, blur_p=1.0, blur_sigma_px=(0.1, 0.1))
    torch.testing.assert_close(soft(point, seeded()), point)


def test_strong_perturbation__blur_is_drawn_from_the_whole_range() -> None:
    point = torch.zeros(60, 3, 21, 21)
    point[:, :, 10, 10] = 1
    found = dataclasses.replace(NOTHING, blur_p=1.0, blur_sigma_px=(0.8, 2.0))(point, seeded())[:, 0]
    variance = (found.sum(dim=1) * (torch.arange(21.0) - 10).square()).sum(dim=1)
    assert variance.min() < 0.9**2 + 0.1
    assert variance.max() > 1.8**2


def test_strong_perturbation__grey_does_not_depend_on_jitter() -> None:
    given = 0.5 * pictures(1, 4).expand(600, 3, 4, 4)
    found = dataclasses.replace(JITTER, jitter_p=0.5, brightness=1.0, grey_p=0.5)(given, seeded())
    grey = (found[:, 0] == found[:, 1]).flatten(1).all(dim=1)
    untouched = (found[~grey] == given[0]).flatten(1).all(dim=1)
    assert untouched.float().mean() == pytest.approx(0.5, abs=0.1)


def test_reference__is_brightness_hue_and_a_blur_of_5_by_9_always() -> None:
    point = torch.zeros(50, 3, 21, 21)
    point[:, :, 10, 10] = 0.5
    found = REFERENCE(point, seeded())[:, 0]
    assert (found.gt(0).any(dim=1).sum(dim=1) == 5).all()  # columns
    assert (found.gt(0).any(dim=2).sum(dim=1) == 9).all()  # rows
    peak = pixels.gaussian_blur(point[:1], kernel_size=[5, 9], sigma=[5.0, 5.0]).max()
    gain = found.amax(dim=(1, 2)) / peak
    assert 0.5 <= gain.min() < 0.6
    assert 1.4 < gain.max() <= 1.5001


def test_strong_perturbation__a_picture_smaller_than_the_kernel_is_blurred_with_a_smaller_one() -> None:
    assert REFERENCE(pictures(1, 3), seeded()).shape == (1, 3, 3, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grey_p": 1.2}, r"expected chances and strengths in \[0, 1\]"),
        ({"brightness": -0.5}, r"expected chances and strengths in \[0, 1\]"),
        ({"hue": 0.6}, r"expected a hue of at most half a turn, in \[0, 0.5\]; got 0.6"),
        ({"blur_sigma_px": (2.0, 0.1)}, r"expected rising blur sigmas above 0 px; got \(2.0, 0.1\)"),
        ({"blur_kernel_px": (4, 9)}, r"expected an odd blur kernel in px; got \(4, 9\)"),
    ],
)
def test_strong_perturbation__what_cannot_be_drawn_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        StrongPerturbation(**changes)
