# SPDX-License-Identifier: Apache-2.0
"""Light and colour change, geometry does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from leadline.contracts.sample import StereoView
from leadline.transforms.photometric import ColourJitter
from tests.transforms.coordinates import plane_sample

FIXED = ColourJitter(p=1.0, gamma=(2.0, 2.0), brightness=(1.5, 1.5), channel=(0.5, 0.5))


def test_colour_jitter__computes_power_times_brightness_times_channel() -> None:
    sample = replace(plane_sample(), image=torch.full((3, 2, 2), 0.4))
    jittered = FIXED(sample, torch.Generator())
    torch.testing.assert_close(jittered.image, torch.full((3, 2, 2), 0.4**2 * 1.5 * 0.5))
    assert torch.equal(sample.image, torch.full((3, 2, 2), 0.4))


def test_colour_jitter__keeps_black_black_and_white_white() -> None:
    sample = replace(plane_sample(), image=torch.tensor([0.0, 1.0]).expand(3, 1, 2))
    same = ColourJitter(p=1.0, brightness=(1.0, 1.0), channel=(1.0, 1.0))
    assert same(sample, torch.Generator()).image.flatten().tolist() == [0.0, 1.0] * 3


def test_colour_jitter__stays_between_zero_and_one() -> None:
    bright = ColourJitter(p=1.0, brightness=(3.0, 3.0))
    image = bright(plane_sample(), torch.Generator()).image
    assert float(image.min()) >= 0.0
    assert float(image.max()) == 1.0


def test_colour_jitter__leaves_depth_and_camera_alone() -> None:
    sample = plane_sample()
    jittered = FIXED(sample, torch.Generator())
    assert jittered.depth is sample.depth
    assert jittered.valid is sample.valid
    assert jittered.camera is sample.camera


def test_colour_jitter__changes_both_views_alike() -> None:
    sample = plane_sample()
    sample = replace(sample, stereo=StereoView(image=sample.image.clone(), baseline_m=torch.tensor(0.1)))
    jittered = ColourJitter(p=1.0)(sample, torch.Generator().manual_seed(1))
    assert jittered.stereo is not None
    assert torch.equal(jittered.stereo.image, jittered.image)
    assert not torch.equal(jittered.image, sample.image)


def test_colour_jitter__draws_every_factor_from_its_whole_range() -> None:
    grey = replace(plane_sample(), image=torch.full((3, 1, 1), 0.5))
    jitter, generator = ColourJitter(p=1.0, gamma=(1.0, 1.0)), torch.Generator().manual_seed(0)
    gains = torch.stack([jitter(grey, generator).image[:, 0, 0] / 0.5 for _ in range(600)])
    low, high = 0.75 * 0.9, 1.25 * 1.1
    assert float(gains.min()) == pytest.approx(low, abs=0.06)
    assert float(gains.max()) == pytest.approx(high, abs=0.06)
    assert float(gains.min()) >= low - 1e-6
    assert float(gains.max()) <= high + 1e-6
    tint = gains / gains.mean(dim=1, keepdim=True)
    assert float(tint.std(dim=1).min()) > 0.0  # the channels are drawn apart
    gammas = ColourJitter(p=1.0, brightness=(1.0, 1.0), channel=(1.0, 1.0))
    powers = torch.stack([gammas(grey, generator).image[0, 0, 0].log() / torch.tensor(0.5).log() for _ in range(300)])
    assert float(powers.min()) == pytest.approx(0.9, abs=0.01)
    assert float(powers.max()) == pytest.approx(1.1, abs=0.01)


def test_colour_jitter__happens_about_as_often_as_asked() -> None:
    sample, jitter, generator = plane_sample(2, 3), ColourJitter(p=0.25), torch.Generator().manual_seed(0)
    changed = sum(jitter(sample, generator) is not sample for _ in range(400))
    assert 70 < changed < 130


def test_colour_jitter__has_zoedepths_defaults() -> None:
    plain = ColourJitter()
    assert (plain.p, plain.gamma, plain.brightness, plain.channel) == (0.5, (0.9, 1.1), (0.75, 1.25), (0.9, 1.1))


@pytest.mark.parametrize(("p", "changes"), [(0.0, 0), (1.0, 50)])
def test_colour_jitter__can_be_switched_off_and_on_for_good(p: float, changes: int) -> None:
    sample, generator = plane_sample(2, 3), torch.Generator().manual_seed(0)
    assert sum(ColourJitter(p=p)(sample, generator) is not sample for _ in range(50)) == changes


def test_colour_jitter__decides_by_its_first_draw_and_is_left_out_from_p_on() -> None:
    sample = plane_sample(2, 3)
    draw = float(torch.rand(6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)[0])
    at, above = ColourJitter(p=draw), ColourJitter(p=draw + 1e-9)
    assert at(sample, torch.Generator().manual_seed(3)) is sample
    assert above(sample, torch.Generator().manual_seed(3)) is not sample
