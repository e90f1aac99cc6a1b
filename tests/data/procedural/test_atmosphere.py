# SPDX-License-Identifier: Apache-2.0
"""Atmosphere: lights above the ground, poses a person's camera has, films that expose."""

from __future__ import annotations

import math
from random import Random

import pytest

from leadline.data.procedural.atmosphere import draw_film, draw_lamp, draw_pose, draw_sky, draw_sunlight


@pytest.mark.parametrize("seed", range(20))
def test_drawn_lights__are_above_the_ground_and_brighter_from_above(seed: int) -> None:
    sun, lamp = draw_sunlight(Random(seed)), draw_lamp(Random(seed), (1.0, 2.4, 3.0))
    elevation = math.degrees(math.atan2(sun.position_m[1], math.hypot(sun.position_m[0], sun.position_m[2])))
    assert 20 <= elevation <= 65
    assert math.isinf(sun.reach_m)
    assert lamp.position_m == (1.0, 2.4, 3.0)
    assert 2 <= lamp.reach_m <= 5
    for light in (sun, lamp):
        assert sum(light.above) > sum(light.below) > 0
        assert 0 < light.shadow <= 1


@pytest.mark.parametrize("seed", range(20))
def test_drawn_pose_film_and_sky__are_within_their_stated_ranges(seed: int) -> None:
    pose = draw_pose(Random(seed), yaw_degrees=10, pitch_degrees=(-8, 4))
    assert 1.45 <= pose.height_m <= 1.65
    assert abs(pose.yaw) <= math.radians(10)
    assert math.radians(-8) <= pose.pitch <= math.radians(4)
    assert 56 <= 2 * math.degrees(math.atan(0.5 / pose.focal_share)) <= 60.4
    film = draw_film(Random(seed))
    assert 0.14 <= film.brightness <= 0.36
    assert film.softness <= 0.25
    assert 0 <= draw_sky(Random(seed)).haze_per_m <= 0.012
