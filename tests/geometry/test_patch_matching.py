# SPDX-License-Identifier: Apache-2.0
"""Patches are found where they are, and only where both pictures agree on it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from leadline.geometry.patch_matching import MOST_PATCHES, PATCH_PX, Matches, mutual_matches
from tests.geometry.textures import grained

WIDE = grained(120, 320)


def window(right: int = 0, down: int = 0) -> Tensor:
    """What a camera moved by so many pixels sees of the texture: features move the other way."""
    return WIDE[10 + down : 100 + down, 60 + right : 260 + right]


def between(first: Tensor, second: Tensor) -> Matches:
    return mutual_matches(first=first, second=second, reach_px=40, slack_px=6)


@pytest.mark.parametrize(("right", "down"), [(0, 0), (9, 0), (-9, 0), (30, 0), (7, 3), (-7, -4)])
def test_mutual_matches__tell_the_shift_of_a_shifted_picture(right: int, down: int) -> None:
    found = between(window(), window(right, down))
    assert len(found.rows) >= 0.5 * found.textured > 20
    known = found.vertical_px[found.vertical_known]
    assert len(known) > 20
    for told, true in ((found.disparity_px, right), (known, down)):
        assert float((told - true).abs().max()) <= 0.5  # the right pixel
        assert float(told.median()) == pytest.approx(true, abs=0.1)


def test_mutual_matches__tell_parts_of_a_pixel() -> None:
    half = 0.5 * (window(4, 1) + window(5, 2))
    found = between(window(), half)
    assert float(found.disparity_px.median()) == pytest.approx(4.5, abs=0.15)
    assert float(found.vertical_px.median()) == pytest.approx(1.5, abs=0.15)


def test_mutual_matches__do_not_mind_brightness_and_contrast() -> None:
    found = between(window(), 0.2 + 0.5 * window(9))
    assert len(found.rows) >= 0.5 * found.textured
    assert float(found.disparity_px.median()) == pytest.approx(9, abs=0.1)


def test_mutual_matches__are_few_between_different_pictures() -> None:
    found = between(window(), grained(90, 200, seed=7))
    assert found.textured > 20
    assert len(found.rows) < 0.1 * found.textured


def test_mutual_matches__find_no_texture_in_flat_and_noisy_pictures() -> None:
    noisy = 0.5 + 0.005 * torch.randn(90, 200, generator=torch.Generator().manual_seed(0))
    for picture in (torch.full((90, 200), 0.5), noisy):
        found = between(picture, picture)
        assert found.textured == 0
        assert found.rows.shape == found.disparity_px.shape == found.vertical_px.shape == found.vertical_known.shape == (0,)


def test_mutual_matches__do_not_claim_to_know_the_height_of_a_pole() -> None:
    poles = grained(1, 320)[:1].expand(90, 320)
    found = between(poles[:, 60:260], poles[:, 69:269])
    assert not found.vertical_known.any()
    assert between(window(), window(9)).vertical_known.float().mean() > 0.9


def test_mutual_matches__leave_out_what_repeats() -> None:
    tile = grained(90, 20)
    repeated = tile.repeat(1, 12)
    assert len(between(repeated[:, :200], repeated[:, 9:209]).rows) == 0


def test_mutual_matches__leave_out_what_lies_beyond_the_search_or_the_picture() -> None:
    assert len(between(window(), window(50)).rows) < 5
    assert len(between(window(), window(0, 6)).rows) == 0  # at the end of the slack the true place may lie beyond
    found = between(window(), window(30))
    assert int(found.columns.min()) >= 30 + PATCH_PX // 2


def test_mutual_matches__are_never_more_than_the_most() -> None:
    large = functional.interpolate(WIDE[None, None], (240, 640))[0, 0]
    assert mutual_matches(first=large, second=large, reach_px=4, slack_px=2).textured == MOST_PATCHES
