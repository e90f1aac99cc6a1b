# SPDX-License-Identifier: Apache-2.0
"""Random draws enter; streets of 20 to 60 m with house fronts, traffic and sky leave."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from leadline.data.procedural.atmosphere import draw_film, draw_pose, draw_sky, draw_sunlight
from leadline.data.procedural.materials import (
    Material,
    Texture,
    draw_colour,
    draw_facade,
    draw_masonry,
    draw_pavement,
    draw_wood,
)
from leadline.data.procedural.rendering import Scene
from leadline.data.procedural.solids import Place, SceneBuilder, Shape
from leadline.data.procedural.street_objects import (
    bin_box,
    bollard,
    car,
    lamp_post,
    low_wall,
    person,
    railing,
    sign,
    tree,
    wire,
)

if TYPE_CHECKING:
    from random import Random

_KERB_M = 0.13
_GROUND_SIZE_M = (400.0, 2.0, 400.0)


def add_ground(builder: SceneBuilder, material: Material) -> None:
    """An endless floor at y = 0."""
    paint = builder.paint(material)
    builder.background(Shape.BOX, (0.0, -1.0, 0.0), _GROUND_SIZE_M, (paint,) * 5)


def _asphalt(random: Random, lane_m: float) -> Material:
    grey = random.uniform(0.06, 0.22)
    white = (0.75, 0.75, random.choice((0.7, 0.3)))
    return Material(
        colour=(grey, grey, grey * 1.05),
        second=white,
        texture=Texture.ROAD,
        period_m=(lane_m, 6.0),
        phase_m=(random.uniform(-1, 1) * lane_m, random.uniform(0, 6)),
        grain=0.5,
    )


def _entrance(builder: SceneBuilder, place: Place, random: Random) -> None:
    """House door of 1 by 2.1 m with a step, sometimes an awning at 2.5 m."""
    builder.box(place, (0, 0, 0), (1.0, 2.1, 0.12), builder.paint(draw_wood(random)))
    stone = builder.paint(Material(colour=(0.4, 0.39, 0.37)))
    builder.box(place, (0, 0, -0.2), (1.4, 0.15, 0.5), stone)
    if random.random() < 0.3:
        colours = draw_colour(random, light=(0.3, 0.8), saturation=0.8), (0.8, 0.8, 0.78)
        cloth = Material(colour=colours[0], second=colours[1], texture=Texture.STRIPES, period_m=(0.4, 0.4))
        builder.box(place, (0, 2.5, -0.5), (2.6, 0.08, 1.1), builder.paint(cloth))


def _house(builder: SceneBuilder, side: int, front: tuple[float, float], length: float, random: Random) -> None:
    """One house whose front begins at (x, z) and runs ahead for ``length``; ``side`` is -1 for the left of the street."""
    depth, height = random.uniform(6, 10), random.choice((3.2, 6.3, 9.4, 12.5, 15.6)) + random.uniform(0, 0.8)
    material = draw_facade(random) if random.random() < 0.85 else draw_masonry(random)
    x, z = front
    place = Place(x, 0, z + length / 2, side * -math.pi / 2)
    builder.box(place, (0, 0, depth / 2), (length, height, depth), builder.paint(material))
    _entrance(builder, Place(*place.at((random.uniform(-0.35, 0.35) * length, _KERB_M, 0)), place.yaw), random)
    if random.random() < 0.5:
        roof = builder.paint(Material(colour=draw_colour(random, light=(0.1, 0.4), saturation=0.5)))
        builder.box(place, (0, height, depth / 2), (length, 0.25, depth + 0.6), roof)
    if random.random() < 0.25:
        slab = builder.paint(Material(colour=(0.5, 0.5, 0.48)))
        builder.box(place, (random.uniform(-0.2, 0.2) * length, 3.0, -0.5), (random.uniform(1.5, 3), 0.15, 1.0), slab)


def _row_of_houses(builder: SceneBuilder, side: int, distance_m: float, end_m: float, random: Random) -> None:
    z = random.uniform(-6, -1)
    while z < end_m:
        length = random.uniform(6, 15)
        if random.random() < 0.85:
            _house(builder, side, (side * (distance_m + random.choice((0, 0, random.uniform(0, 2)))), z), length, random)
        z += length + random.choice((0, 0, 0, random.uniform(1, 4)))


def _end_of_street(builder: SceneBuilder, width_m: float, end_m: float, random: Random) -> None:
    size = (width_m * 2 + 8, random.uniform(5, 14), 8)
    builder.box(Place(0, 0, end_m + 4), (0, 0, -4 + size[2] / 2), size, builder.paint(draw_facade(random)))


def _kerbside(builder: SceneBuilder, side: int, kerb_x: float, end_m: float, random: Random) -> None:
    """Parked cars on the road side of the kerb, posts, trees, bins and people on the pavement side."""
    z = random.uniform(3, 9)
    parked = random.random() < 0.7
    while z < min(end_m, 32):
        inner = Place(kerb_x - side * 1.05, 0, z, random.uniform(-0.04, 0.04) + math.pi * (random.random() < 0.5))
        if parked and random.random() < 0.6 and math.hypot(inner.x_m, z) > 3.6:
            car(builder, inner, random)
        z += random.uniform(5.2, 7.5)
    things = [random.choice((tree, sign, person, bollard, bin_box, railing, low_wall)) for _ in range(random.randint(1, 5))]
    for thing in things:
        z = 2.5 + 22 * random.random() ** 1.6
        turn = math.pi / 2 if thing in {railing, low_wall} else random.uniform(-0.4, 0.4)
        thing(builder, Place(kerb_x + side * random.uniform(0.35, 1.2), _KERB_M, z, turn), random)


def _posts(builder: SceneBuilder, side: int, kerb_x: float, random: Random) -> None:
    """A row of lamp posts, sometimes joined by a wire."""
    spacing, first = random.uniform(9, 16), random.uniform(3, 9)
    spots = [Place(kerb_x + side * 0.3, _KERB_M, first + i * spacing, math.pi * (side > 0)) for i in range(3)]
    for spot in spots:
        lamp_post(builder, spot, random)
    if random.random() < 0.5:
        for start, end in pairwise(spots):
            wire(builder, start, end, 4.8)


def build_street(random: Random) -> Scene:
    """A street seen by somebody standing on it, on the road or near a kerb."""
    builder = SceneBuilder()
    lane = random.uniform(2.7, 3.5)
    half_road, pavement = lane * random.choice((1, 1, 2)), random.uniform(1.5, 3.0)
    shift, end = random.uniform(-0.8, 0.8) * half_road, random.uniform(18, 60)
    add_ground(builder, _asphalt(random, lane))
    paving = builder.paint(draw_pavement(random))
    for side in (-1, 1):
        kerb_x = side * half_road - shift
        builder.box(Place(kerb_x + side * 20, 0, 40), (0, 0, 0), (40, _KERB_M, 140), paving)
        if random.random() < 0.9:
            _row_of_houses(builder, side, pavement + half_road - side * shift, end, random)
        _kerbside(builder, side, kerb_x, end, random)
    if random.random() < 0.6:
        _posts(builder, 1, half_road - shift, random)
    if random.random() < 0.7:
        _end_of_street(builder, half_road + pavement, end, random)
    if random.random() < 0.5:
        lane_x = random.choice((-0.5, 0.5)) * half_road - shift
        car(builder, Place(lane_x, 0, random.uniform(8, 28), 0.0), random)
    solids, materials = builder.tables()
    return Scene(
        kind="street",
        solids=solids,
        materials=materials,
        light=draw_sunlight(random),
        air=draw_sky(random),
        film=draw_film(random),
        pose=draw_pose(random, yaw_degrees=14, pitch_degrees=(-8, 0)),
    )
