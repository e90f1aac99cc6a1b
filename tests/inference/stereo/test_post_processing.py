# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.inference.stereo.post_processing import PostProcessing, share_of_second


@pytest.mark.parametrize("choice", ["flip", "blend", "multiscale"])
def test_share_of_second__is_a_share_so_that_equal_looks_stay_as_they_are(choice: PostProcessing) -> None:
    first = torch.rand(2, 5, 33, generator=torch.Generator().manual_seed(0)) + 0.1
    share = share_of_second(choice, first)
    assert share.shape == first.shape
    assert share.min() >= 0
    assert share.max() <= 1
    assert torch.equal(torch.lerp(first, first, share), first)


def test_share_of_second__flip_is_half_everywhere() -> None:
    assert torch.equal(share_of_second("flip", torch.zeros(1, 2, 3)), torch.full((1, 2, 3), 0.5))


def test_share_of_second__blend_is_monodepths_ramps() -> None:
    width = 101
    place = torch.linspace(0, 1, width)
    left = 1 - (20 * (place - 0.05)).clamp(0, 1)
    right = left.flip(0)
    first, second = torch.full((1, 2, width), 3.0), torch.full((1, 2, width), 7.0)
    expected = right * first + left * second + (1 - left - right) * (first + second) / 2
    got = torch.lerp(first, second, share_of_second("blend", first))
    torch.testing.assert_close(got, expected)
    assert got[0, 0, 0] == 7.0
    assert got[0, 0, -1] == 3.0
    assert got[0, 0, width // 2] == 5.0


def test_share_of_second__multiscale_grows_with_nearness_up_to_the_95th_percentile_of_each_picture() -> None:
    first = torch.stack([torch.arange(1.0, 101.0), torch.arange(1.0, 101.0) * 10]).reshape(2, 10, 10)
    share = share_of_second("multiscale", first)
    torch.testing.assert_close(share[0], share[1])
    near = 95.05  # of 1..100, linearly between its neighbours
    torch.testing.assert_close(share[0, 0, 9], torch.tensor(10.0 / near))
    assert (share[0] == 1).sum() == 5
