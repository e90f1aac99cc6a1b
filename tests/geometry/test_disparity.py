# SPDX-License-Identifier: Apache-2.0
"""Depth and disparity: hand values, round trips, and what zero does."""

import pytest
import torch

from leadline.geometry.disparity import depth_from_disparity, inverse_depth, stereo_depth_m, stereo_disparity_px


def test_inverse_depth__is_its_own_inverse() -> None:
    depth_m = torch.tensor([0.25, 2.0, 64.0])
    assert inverse_depth(depth_m).tolist() == [4.0, 0.5, 0.015625]
    torch.testing.assert_close(inverse_depth(inverse_depth(depth_m)), depth_m)


def test_depth_from_disparity__caps_far_and_negative_disparity() -> None:
    metres = depth_from_disparity(torch.tensor([0.5, 0.1, 0.05, 0.0, -3.0]), max_depth_m=10.0)
    assert metres.tolist() == pytest.approx([2.0, 10.0, 10.0, 10.0, 10.0])


def test_stereo__is_focal_times_baseline_over_depth_per_image() -> None:
    depth_m = torch.tensor([[[2.0, 4.0]], [[2.0, 4.0]]])
    rig = {"focal_px": torch.tensor([100.0, 200.0]), "baseline_m": torch.tensor([0.5, 0.5])}
    disparity_px = stereo_disparity_px(depth_m, **rig)
    assert disparity_px.tolist() == [[[25.0, 12.5]], [[50.0, 25.0]]]
    torch.testing.assert_close(stereo_depth_m(disparity_px, **rig), depth_m)


def test_stereo__zero_disparity_is_infinitely_far() -> None:
    assert stereo_depth_m(torch.zeros(1, 1), focal_px=torch.tensor(1.0), baseline_m=torch.tensor(1.0)).isinf().all()
