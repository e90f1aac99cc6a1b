# SPDX-License-Identifier: Apache-2.0
"""A camera held slightly askew."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from leadline.contracts.camera import Camera
from leadline.contracts.sample import StereoView
from leadline.geometry.camera import unproject
from leadline.transforms.rotation import RandomRotation, rotate_sample
from tests.transforms.coordinates import plane_sample, rays_of


def test_rotate__by_nothing_changes_nothing() -> None:
    sample = plane_sample()
    turned = rotate_sample(sample, 0.0)
    torch.testing.assert_close(turned.image, sample.image, atol=1e-5, rtol=0)
    assert turned.depth is not None
    assert sample.depth is not None
    assert torch.equal(turned.depth, sample.depth)
    assert turned.valid is not None
    assert turned.valid.all()


def test_rotate__by_a_quarter_turns_clockwise_on_the_screen() -> None:
    image = torch.zeros(3, 5, 5)
    image[:, 2, 4] = 1.0  # to the right of the centre
    depth = image[0].clone()
    sample = replace(plane_sample(), image=image, depth=depth, valid=torch.ones(5, 5, dtype=torch.bool), ordinal=None)
    turned = rotate_sample(sample, 90.0)
    assert turned.depth is not None
    assert turned.depth.nonzero().tolist() == [[4, 2]]  # below it
    assert float(turned.image[0, 4, 2]) == pytest.approx(1.0, abs=1e-4)


def test_rotate__picture_depth_and_camera_still_name_the_same_points() -> None:
    sample, angle = plane_sample(), 1.0
    turned = rotate_sample(sample, angle)
    assert turned.camera is not None
    assert turned.depth is not None
    assert turned.valid is not None
    points = unproject(turned.depth, turned.camera.matrix)
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    roll = torch.tensor([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])  # undoes a clockwise turn: x right, y down
    unrolled = torch.einsum("ij,jhw->ihw", roll, points)
    focal = turned.camera.matrix[0, 0]
    named = rays_of(turned.image)
    off = ((unrolled[:2] / unrolled[2] - named) * focal).abs().amax(0)
    inner = turned.valid & (torch.nn.functional.max_pool2d((~turned.valid).float()[None], 3, 1, 1)[0] == 0)
    inner[:2], inner[-2:], inner[:, :2], inner[:, -2:] = False, False, False, False
    assert float(off[inner].max()) < 0.5


def test_rotate__marks_what_it_does_not_reach_as_invalid_and_spreads_no_nan() -> None:
    turned = rotate_sample(plane_sample(poisoned=True), 3.0)
    assert turned.valid is not None
    assert turned.depth is not None
    assert not turned.valid[0, 0]
    assert not turned.valid[-1, -1]
    assert torch.isfinite(turned.depth[turned.valid]).all()
    assert torch.isfinite(turned.image).all()


def test_rotate__takes_pairs_along_and_drops_the_second_view() -> None:
    sample = plane_sample()
    sample = replace(sample, stereo=StereoView(image=sample.image, baseline_m=torch.tensor(0.1)))
    turned = rotate_sample(sample, 2.0)
    assert turned.stereo is None
    assert turned.ordinal is not None
    assert sample.ordinal is not None
    row, column = turned.ordinal.nearer_rc[1].tolist()
    expected = torch.tensor([30.5 - 30, 60.5 - 40])
    c, s = math.cos(math.radians(2.0)), math.sin(math.radians(2.0))
    assert row == math.floor(c * expected[0] + s * expected[1] + 30)
    assert column == math.floor(-s * expected[0] + c * expected[1] + 40)


def test_rotate__keeps_a_central_principal_point() -> None:
    sample = plane_sample()
    central = torch.tensor([[70.0, 0, 40], [0, 70, 30], [0, 0, 1]])
    turned = rotate_sample(replace(sample, camera=Camera(matrix=central)), 30.0)
    assert turned.camera is not None
    torch.testing.assert_close(turned.camera.matrix, central)


def test_random_rotation__stays_within_its_angle_both_ways() -> None:
    rotation, generator = RandomRotation(1.0), torch.Generator().manual_seed(0)
    sample = replace(plane_sample(), camera=Camera(matrix=torch.tensor([[70.0, 0, 80], [0, 70, 30], [0, 0, 1]])))
    angles = []
    for _ in range(60):
        turned = rotation(sample, generator)
        assert turned.camera is not None
        cx, cy = turned.camera.matrix[0, 2] - 40, turned.camera.matrix[1, 2] - 30
        angles.append(math.degrees(math.atan2(float(cy), float(cx))))
    assert -1.0 <= min(angles) < -0.8
    assert 0.8 < max(angles) <= 1.0
