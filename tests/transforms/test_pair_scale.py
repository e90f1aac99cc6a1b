# SPDX-License-Identifier: Apache-2.0
"""A random size moves the picture, its truth and its rig together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Sample, StereoView
from leadline.geometry.disparity import stereo_disparity_px
from leadline.transforms.pair_scale import RandomScale
from leadline.transforms.spatial import RandomCrop
from tests.transforms.coordinates import pixel_errors, plane_sample


def pair(height: int = 60, width: int = 80) -> Sample:
    sample = plane_sample(height, width)
    assert sample.camera is not None
    assert sample.depth is not None
    baseline_m = torch.tensor(0.3)
    disparity_px = stereo_disparity_px(sample.depth, focal_px=sample.camera.matrix[0, 0], baseline_m=baseline_m)
    return replace(sample, stereo=StereoView(image=sample.image.flip(-1), baseline_m=baseline_m, disparity_px=disparity_px))


def test_random_scale__multiplies_disparity_and_focal_length_by_the_change_of_width() -> None:
    given = pair()
    scaled = RandomScale(60, 160, (1.5, 1.5))(given, torch.Generator())
    assert scaled.image.shape == (3, 90, 240)
    assert scaled.stereo is not None
    assert given.stereo is not None
    assert scaled.stereo.image.shape == (3, 90, 240)
    assert scaled.camera is not None
    assert given.camera is not None
    assert float(scaled.camera.matrix[0, 0] / given.camera.matrix[0, 0]) == pytest.approx(3.0)
    assert float(scaled.camera.matrix[1, 1] / given.camera.matrix[1, 1]) == pytest.approx(1.5)
    before, after = given.stereo.disparity_px, scaled.stereo.disparity_px
    assert before is not None
    assert after is not None
    assert float(after.mean() / before.mean()) == pytest.approx(3.0, rel=5e-3)


def test_random_scale__keeps_focal_length_times_baseline_over_disparity_the_depth() -> None:
    scaled = RandomScale(60, 80, (0.75, 1.5))(pair(), torch.Generator().manual_seed(4))
    assert scaled.image.shape != (3, 60, 80)
    assert scaled.stereo is not None
    assert scaled.camera is not None
    assert scaled.stereo.disparity_px is not None
    metres = scaled.camera.matrix[0, 0] * scaled.stereo.baseline_m / scaled.stereo.disparity_px
    torch.testing.assert_close(metres, scaled.depth)
    assert pixel_errors(scaled)["depth"] < 1.0


def test_random_scale__draws_sizes_over_the_whole_range_and_one_number_each() -> None:
    scale, generator = RandomScale(40, 100), torch.Generator().manual_seed(0)
    sizes = [scale(pair(), generator).image.shape[1:] for _ in range(60)]
    assert min(height for height, _ in sizes) in {30, 31}
    assert max(height for height, _ in sizes) in {59, 60}
    assert all(abs(width - 2.5 * height) <= 1.75 for height, width in sizes)
    again = torch.Generator().manual_seed(0)
    torch.rand(60, generator=again, dtype=torch.float64)
    assert torch.equal(generator.get_state(), again.get_state())


def test_random_scale__says_the_largest_crop_that_always_fits() -> None:
    scale = RandomScale(384, 1280)
    assert scale.least_size == (288, 960)
    small = RandomScale(60, 80, (0.75, 0.75))
    cut = RandomCrop(*small.least_size)(small(pair(), torch.Generator()), torch.Generator())
    assert cut.image.shape == (3, 45, 60)


@pytest.mark.parametrize("scale", [(0.0, 1.0), (1.5, 0.75), (1e-4, 1.0)])
def test_random_scale__refuses_what_is_no_size(scale: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="scale"):
        RandomScale(384, 1280, scale)
