# SPDX-License-Identifier: Apache-2.0
"""Streets: the camera stands free on the ground, houses have heights of houses."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from leadline.data.procedural.materials import Texture
from leadline.data.procedural.streets import build_street


@pytest.mark.parametrize("seed", range(25))
def test_build_street__leaves_the_camera_free_above_the_ground(seed: int) -> None:
    scene = build_street(Random(seed))
    camera = np.array([0, scene.pose.height_m, 0])
    assert 1.45 <= scene.pose.height_m <= 1.65
    unit = np.einsum("nij,nj->ni", scene.solids.unit_from_world, camera - scene.solids.centre_m)
    assert (np.abs(unit).max(1) > 1).all()
    ground = scene.solids.centre_m[0, 1] + scene.solids.half_m[0, 1]
    assert ground == pytest.approx(0)


def test_build_street__houses_are_three_to_seventeen_metres_high() -> None:
    heights = []
    for seed in range(10):
        scene = build_street(Random(seed))
        windows = scene.materials.texture[scene.solids.materials[:, 0]] == Texture.WINDOWS
        heights += (2 * scene.solids.half_m[windows, 1]).tolist()
    assert len(heights) > 30
    assert min(heights) > 3
    assert max(heights) < 17
