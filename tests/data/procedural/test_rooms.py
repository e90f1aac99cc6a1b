# SPDX-License-Identifier: Apache-2.0
"""Rooms: sizes of real rooms, the camera inside and out of the furniture."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from leadline.data.procedural.rooms import _door, build_room
from leadline.data.procedural.solids import Place, SceneBuilder, Shape


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


def test_door__has_a_lintel_that_lies_flush_on_its_two_posts() -> None:
    builder = SceneBuilder()
    _door(builder, Place(0, 0, 0), Random(0))
    solids, _ = builder.tables()
    low, high = solids.centre_m - solids.half_m, solids.centre_m + solids.half_m
    _, left, right, lintel, _ = range(5)  # the first is the leaf, the last the handle
    assert low[lintel] == pytest.approx([low[left, 0], high[left, 1], low[left, 2]])
    assert high[lintel] == pytest.approx([high[right, 0], high[right, 1] + 0.08, high[right, 2]])
    assert high[left, 0] - low[left, 0] == pytest.approx(0.08)
    assert solids.materials[lintel].tolist() == solids.materials[left].tolist()
