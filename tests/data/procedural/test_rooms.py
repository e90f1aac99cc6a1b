# SPDX-License-Identifier: Apache-2.0
"""Rooms: sizes of real rooms, the camera inside and out of the furniture."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from leadline.data.procedural.rooms import build_room
from leadline.data.procedural.solids import Shape


@pytest.mark.parametrize("seed", range(25))
def test_build_room__is_as_large_as_a_room_and_holds_the_camera(seed: int) -> None:
    scene = build_room(Random(seed))
    (shell,) = np.flatnonzero(scene.solids.shape == Shape.SHELL)
    width, height, length = 2 * scene.solids.half_m[shell]
    assert 2.5 <= width <= 7
    assert 2.3 <= height <= 3.1
    assert 2.5 <= length <= 9
    centre, half = scene.solids.centre_m[shell], scene.solids.half_m[shell]
    camera = np.array([0, scene.pose.height_m, 0])
    assert (np.abs(camera - centre) < half - 0.2).all()
    others = np.arange(len(scene.solids.shape)) != shell
    unit = np.einsum("nij,nj->ni", scene.solids.unit_from_world, camera - scene.solids.centre_m)[others]
    assert (np.abs(unit).max(1) > 1).all()


def test_build_room__is_a_function_of_its_draws() -> None:
    first, second = build_room(Random(1)), build_room(Random(1))
    assert np.array_equal(first.solids.centre_m, second.solids.centre_m)
    assert not np.array_equal(first.solids.half_m[0], build_room(Random(2)).solids.half_m[0])
