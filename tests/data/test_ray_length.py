# SPDX-License-Identifier: Apache-2.0
"""Lengths of rays are told from z-depth by planes, and nothing honest is accused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from leadline.data.procedural.scenes import ProceduralScenes
from leadline.data.ray_length import holds_ray_length
from leadline.geometry.camera import camera_rays, intrinsic_matrix, pinhole_matrix
from tests.shared_paths import shared

SIZE = (96, 128)
CAMERA = pinhole_matrix(*SIZE, field_of_view_deg=60.0)
NORM = camera_rays(CAMERA, *SIZE).norm(dim=0).numpy()
EVERYWHERE = np.ones(SIZE, dtype=np.bool_)


def slanted(noise: float = 0.0) -> NDArray[np.float32]:
    """A floor that falls away to one side, with a relative error of each pixel."""
    x, y, _ = camera_rays(CAMERA, *SIZE).numpy()
    error = np.random.default_rng(0).normal(1.0, noise, SIZE)
    return np.asarray(error * 2.0 / (1.0 + 0.3 * x + 0.5 * y), dtype=np.float32)


@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_holds_ray_length__tells_the_two_readings_of_a_plane_apart(noise: float) -> None:
    assert not holds_ray_length(slanted(noise), EVERYWHERE, CAMERA)
    assert holds_ray_length(slanted(noise) * NORM, EVERYWHERE, CAMERA)
    assert holds_ray_length(1000 * slanted(noise) * NORM, EVERYWHERE, CAMERA)


def test_holds_ray_length__a_wall_that_faces_the_camera_is_z() -> None:
    wall = np.full(SIZE, 2.0, np.float32)
    assert not holds_ray_length(wall, EVERYWHERE, CAMERA)
    assert holds_ray_length(wall * NORM, EVERYWHERE, CAMERA)


def test_holds_ray_length__noise_and_curved_things_accuse_nobody() -> None:
    noisy = np.abs(slanted(0.2)).astype(np.float32)
    assert not holds_ray_length(noisy, noisy > 0, CAMERA)
    x, y, _ = camera_rays(CAMERA, *SIZE).numpy()
    for bend in (-0.6, -0.2, 0.2, 0.6):
        bowl = (2.0 + bend * (x * x + y * y) + 0.2 * np.sin(20 * x)).astype(np.float32)
        assert not holds_ray_length(bowl, EVERYWHERE, CAMERA)


def test_holds_ray_length__reads_no_invalid_pixel() -> None:
    holes = EVERYWHERE.copy()
    holes[:, 90:] = False
    length = slanted() * NORM
    length[~holes] = np.nan
    assert holds_ray_length(length, holes, CAMERA)
    assert not holds_ray_length(length, np.zeros(SIZE, np.bool_), CAMERA)


def test_holds_ray_length__a_camera_without_focal_length_or_numbers_below_0_say_nothing() -> None:
    assert not holds_ray_length(slanted() * NORM, EVERYWHERE, intrinsic_matrix(focal_px=(0.0, 5.0), centre_px=(9.0, 9.0)))
    below = slanted() * NORM
    below[::7, ::7], below[3::7, ::7] = -1.0, 0.0
    with np.errstate(all="raise"):
        assert not holds_ray_length(below, EVERYWHERE, CAMERA)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (40, 3)])
def test_holds_ray_length__a_tiny_picture_says_nothing(size: tuple[int, int]) -> None:
    camera = pinhole_matrix(*size, field_of_view_deg=60.0)
    length = camera_rays(camera, *size).norm(dim=0).numpy()
    assert not holds_ray_length(length, np.ones(size, np.bool_), camera)


def test_holds_ray_length__accuses_no_procedural_scene_and_finds_most_that_lie() -> None:
    scenes = ProceduralScenes(count=24, height=96, width=128)
    found = []
    for index in range(24):
        scene = scenes[index]
        assert scene.depth is not None
        assert scene.valid is not None
        assert scene.camera is not None
        depth, valid, matrix = scene.depth.numpy(), scene.valid.numpy(), scene.camera.matrix
        assert not holds_ray_length(depth, valid, matrix), scene.key
        length = depth * camera_rays(matrix, 96, 128).norm(dim=0).numpy()
        found.append(holds_ray_length(length, valid, matrix))
    assert np.mean(found) >= 0.6


@pytest.mark.parametrize(("folder", "per_metre"), [("nyu_like", 1000), ("icl_nuim", 5000)])
def test_holds_ray_length__accuses_no_real_or_rendered_frame(folder: str, per_metre: int) -> None:
    about = json.loads(shared(f"data/{folder}/camera.json").read_text())
    matrix = intrinsic_matrix(focal_px=(about["fx"], about["fy"]), centre_px=(about["cx"] + 0.5, about["cy"] + 0.5))
    files = sorted(shared(f"data/{folder}/depth").iterdir())
    assert files
    for file in files:
        depth = np.asarray(np.asarray(Image.open(file)) / per_metre, dtype=np.float32)
        assert not holds_ray_length(depth, depth > 0, matrix), file
    if folder == "icl_nuim":
        rays: NDArray[np.float32] = camera_rays(matrix, *depth.shape).norm(dim=0).numpy()
        assert holds_ray_length(depth * rays, depth > 0, matrix)
