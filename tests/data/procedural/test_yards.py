# SPDX-License-Identifier: Apache-2.0
"""Yards: clutter of all shapes, indoors and outdoors, none of it round the camera."""

from __future__ import annotations

from random import Random

import numpy as np

from leadline.data.procedural.solids import Shape
from leadline.data.procedural.yards import build_yard


def test_build_yard__has_every_shape_and_both_halls_and_open_sky() -> None:
    scenes = [build_yard(Random(seed)) for seed in range(30)]
    shapes = {int(shape) for scene in scenes for shape in scene.solids.shape}
    assert shapes == set(Shape)
    halls = sum((scene.solids.shape == Shape.SHELL).any() for scene in scenes)
    assert 5 < halls < 25


def test_build_yard__has_things_thinner_than_five_centimetres() -> None:
    thin = [(build_yard(Random(seed)).solids.half_m.min(1) < 0.025).sum() for seed in range(20)]
    assert np.mean(thin) > 3


def test_build_yard__leaves_the_camera_free() -> None:
    for seed in range(25):
        scene = build_yard(Random(seed))
        offset = np.array([0, scene.pose.height_m, 0]) - scene.solids.centre_m
        unit = np.einsum("nij,nj->ni", scene.solids.unit_from_world, offset)
        assert (np.abs(unit).max(1) > 1)[scene.solids.shape != Shape.SHELL].all()


def test_build_yard__hangs_the_lamp_of_a_hall_under_its_ceiling_all_over_its_middle() -> None:
    across, along = [], []
    for seed in range(40):
        scene = build_yard(Random(seed))
        is_shell = scene.solids.shape == Shape.SHELL
        if not is_shell.any():
            continue
        width, height, depth = 2 * scene.solids.half_m[is_shell][0]
        x, y, z = scene.light.position_m
        assert np.isclose(y, height - 0.2, rtol=1e-5)
        across.append(x / width)
        along.append(z / (depth - 2))  # the hall begins behind the camera and ends a metre beyond its reach
    assert -0.3 <= min(across) < -0.2
    assert 0.2 < max(across) <= 0.3
    assert 0.2 <= min(along) < 0.3
    assert 0.5 < max(along) <= 0.6
