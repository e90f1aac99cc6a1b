# SPDX-License-Identifier: Apache-2.0
"""Cameras: rays and points against hand values; resized, cropped or mirrored pictures still see the same points."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.geometry.camera import camera_rays, cropped_camera, flipped_camera, pinhole_matrix, resized_camera, unproject


def matrix(fx: float = 500.0, fy: float = 400.0, cx: float = 320.0, cy: float = 240.0) -> torch.Tensor:
    return torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float64)


def test_rays__look_through_pixel_centres() -> None:
    rays = camera_rays(matrix(2.0, 4.0, 1.5, 1.0), 2, 3)
    assert rays.shape == (3, 2, 3)
    assert rays[0, 0].tolist() == [-0.5, 0.0, 0.5]
    assert rays[1, :, 0].tolist() == [-0.125, 0.125]
    assert torch.equal(rays[2], torch.ones(2, 3, dtype=torch.float64))


def test_rays__accept_leading_dimensions_and_negative_fy() -> None:
    both = torch.stack([matrix(), matrix(fy=-400.0)])
    rays = camera_rays(both, 4, 6)
    assert rays.shape == (2, 3, 4, 6)
    torch.testing.assert_close(rays[0, 1], -rays[1, 1])


def test_unproject__keeps_z_and_gives_the_hand_value() -> None:
    depth_m = torch.full((480, 640), 2.0, dtype=torch.float64)
    points = unproject(depth_m, matrix())
    assert torch.equal(points[2], depth_m)
    assert points[0, 0, 0].item() == pytest.approx(2.0 * (0.5 - 320) / 500)
    assert points[1, 479, 0].item() == pytest.approx(2.0 * (479.5 - 240) / 400)


def test_unproject__one_matrix_serves_a_batch() -> None:
    depth_m = torch.rand(2, 4, 6, dtype=torch.float64)
    torch.testing.assert_close(unproject(depth_m, matrix())[1], unproject(depth_m[1], matrix()))


@settings(max_examples=30, deadline=None)
@given(factor=st.integers(1, 5))
def test_resized_camera__keeps_the_field_of_view(factor: int) -> None:
    small = resized_camera(matrix(), old_size=(480, 640), new_size=(96 * factor, 64 * factor))
    edges = torch.tensor([[0.0, 0.0, 1.0], [64.0 * factor, 96.0 * factor, 1.0]], dtype=torch.float64)
    before = torch.tensor([[0.0, 0.0, 1.0], [640.0, 480.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(edges @ small.inverse().T, before @ matrix().inverse().T)


def test_cropped_camera__sees_the_same_points_through_the_remaining_pixels() -> None:
    rays = camera_rays(matrix(), 480, 640)
    crop = camera_rays(cropped_camera(matrix(), top=45, left=41), 426, 560)
    torch.testing.assert_close(crop, rays[:, 45:471, 41:601])


def test_flipped_camera__mirrors_the_rays() -> None:
    original = matrix(cx=300.0)
    rays = camera_rays(original, 480, 640)
    mirrored = camera_rays(flipped_camera(original, width=640), 480, 640)
    torch.testing.assert_close(mirrored[0], -rays[0].flip(-1))
    torch.testing.assert_close(mirrored[1], rays[1])
    assert original[0, 2] == 300.0


def test_pinhole_matrix__sees_as_many_degrees_across_as_it_says() -> None:
    width = 640
    rays = camera_rays(pinhole_matrix(480, width, field_of_view_deg=60.0).double(), 480, width)
    half_pixel = float(rays[0, 0, 1] - rays[0, 0, 0]) / 2
    edge = float(rays[0, 0, -1]) + half_pixel
    assert abs(2 * math.degrees(math.atan(edge)) - 60.0) < 1e-4
    assert torch.allclose(rays[:2].mean(dim=(1, 2)), torch.zeros(2, dtype=torch.float64), atol=1e-6)
