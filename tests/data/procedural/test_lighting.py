# SPDX-License-Identifier: Apache-2.0
"""Lighting: Lambert's law, shadows where they fall, darkened contacts and corners."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from leadline.data.procedural.lighting import Light, _shadow_hulls, irradiance, lit_share, openness
from leadline.data.procedural.materials import Material
from leadline.data.procedural.solids import Place, SceneBuilder, Shape
from leadline.data.procedural.surfaces import Surface, surface_of
from leadline.data.procedural.tracing import nearest_hits
from tests.data.procedural.hand_made import ground_and_box, level_view, one_solid

BLACK = (0.0, 0.0, 0.0)
SUN = Light(position_m=(-1000.0, 1000.0, 0.0), key=(1, 1, 1), reach_m=math.inf, above=BLACK, below=BLACK, shadow=1.0)


def lit_scene() -> tuple[Surface, NDArray[np.float32]]:
    solids, _ = ground_and_box()
    view = level_view(height=120, width=160)
    surface = surface_of(solids, view, nearest_hits(solids, view))
    return surface, lit_share(solids, surface, view, SUN)


def test_lit_share__the_shadow_of_a_box_falls_away_from_the_light_as_far_as_it_is_high() -> None:
    surface, lit = lit_scene()
    x, y, z = surface.point_m
    ground = surface.seen & (y < 1e-3) & (surface.solid == 0)
    beside = ground & (z > 4.05) & (z < 4.95)
    # 2 m high under a light at 45 degrees: the shadow runs from x = 0.5 to x = 2.5.
    assert (lit[beside & (x > 0.55) & (x < 2.45)] == 0).all()
    assert (beside & (x > 0.55) & (x < 2.45)).any()
    assert (lit[beside & ((x > 2.55) | (x < -0.55))] == 1).all()
    assert (lit[ground & (z < 3.95)] == 1).all()


def test_irradiance__follows_the_cosine_and_shadows_take_the_key_light() -> None:
    surface, lit = lit_scene()
    light = irradiance(SUN, surface, lit, np.ones_like(lit))
    ground = (surface.solid == 0) & surface.seen & (np.abs(surface.point_m).max(0) < 8)
    assert light[0][ground & (lit == 1)] == pytest.approx(math.cos(math.pi / 4), abs=0.01)
    assert light[:, ground & (lit == 0)].max() == 0
    front = surface.normal[2] < -0.5
    assert np.abs(light[:, front]).max() < 0.01  # the sun is in the plane of the front
    softer = lit_share(ground_and_box()[0], surface, level_view(120, 160), replace(SUN, shadow=0.25))
    assert sorted(np.unique(softer).tolist()) == [0.75, 1.0]


def test_irradiance__of_a_lamp_falls_with_distance_and_of_the_sky_with_the_slope() -> None:
    surface, lit = lit_scene()
    lamp = Light(position_m=(0, 3, 2), key=(1, 1, 1), reach_m=2.0, above=BLACK, below=BLACK, shadow=0.0)
    light = irradiance(lamp, surface, np.ones_like(lit), np.ones_like(lit))[0]
    ground = (surface.solid == 0) & surface.seen
    near = ground & (np.abs(surface.point_m[2] - 4) < 0.1) & (np.abs(surface.point_m[0]) > 0.7)
    far = ground & (np.abs(surface.point_m[2] - 9) < 0.2)
    assert light[near].mean() > 3 * light[far].mean() > 0
    sky = Light(position_m=(0, 9, 0), key=BLACK, reach_m=1.0, above=(1, 1, 1), below=(0.2, 0.2, 0.2), shadow=0.0)
    dome = irradiance(sky, surface, lit, np.ones_like(lit))[0]
    assert dome[ground] == pytest.approx(1.0)
    assert dome[surface.normal[2] < -0.5] == pytest.approx(0.6)


def test_openness__is_less_at_contacts_and_in_corners() -> None:
    solids, _ = ground_and_box()
    view = level_view(height=400, width=160, focal_px=400)
    surface = surface_of(solids, view, nearest_hits(solids, view))
    share = openness(solids, surface, view)
    ground = (surface.solid == 0) & surface.seen
    gap = 4 - surface.point_m[2]
    ahead = ground & (np.abs(surface.point_m[0]) < 0.4)
    touching, apart = share[ahead & (gap > 0) & (gap < 0.08)], share[ahead & (gap > 0.45)]
    assert touching.size
    assert apart.size
    assert touching.max() < 0.6
    assert apart.min() == 1
    room = one_solid(Shape.SHELL, (0, 1.5, 2), (6, 3, 8))
    inside = surface_of(room, view, nearest_hits(room, view))
    corners = openness(room, inside, view)
    assert corners[200, 80] == pytest.approx(1)
    assert corners.min() < 0.8


def test_lit_share__what_stands_behind_the_lamp_throws_no_shadow() -> None:
    builder = SceneBuilder()
    paint = builder.paint(Material(colour=(1, 1, 1)))
    builder.box(Place(0, 0, 4.5), (0, 0, 0), (1, 2, 1), paint)
    builder.box(Place(0, 0, 2), (0, 0.9, 0), (0.2, 0.4, 0.2), paint)
    solids, view = builder.tables()[0], level_view()
    surface = surface_of(solids, view, nearest_hits(solids, view))
    between, beyond = (replace(SUN, position_m=(0.0, 1.1, z)) for z in (3.0, 8.0))
    near = surface.seen & (surface.solid == 1)
    assert (lit_share(solids, surface, view, between)[near] == 1).all()
    assert (lit_share(solids, surface, view, beyond)[near] == 0).any()


def test_shadow_hulls__reach_to_the_ground_or_ten_times_as_far() -> None:
    light = np.array([0.0, 4.0, 0.0])
    corners = np.array([[[1.0, 2.0, 3.0], [1.0, 0.0, 3.0], [1.0, 3.9, 3.0], [1.0, 5.0, 3.0]]])
    hulls = _shadow_hulls(corners, light)
    assert np.array_equal(hulls[:, :4], corners)
    # Half as high as the light: twice as far away.  On the ground: where it is.  Nearly as high, or higher: ten times.
    thrown = np.array([[2.0, 0.0, 6.0], [1.0, 0.0, 3.0], [10.0, 4 - 10 * 0.1, 30.0], [10.0, 4 + 10 * 1.0, 30.0]])
    assert np.allclose(hulls[0, 4:], thrown)
