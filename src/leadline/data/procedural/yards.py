# SPDX-License-Identifier: Apache-2.0
"""Random draws enter; courtyards and halls full of boxes, balls, cylinders, poles, railings and wires leave."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from leadline.data.procedural.atmosphere import STILL_AIR, draw_film, draw_lamp, draw_pose, draw_sky, draw_sunlight
from leadline.data.procedural.furniture import chair, small_thing, stack, table
from leadline.data.procedural.materials import (
    Material,
    Texture,
    draw_floor,
    draw_masonry,
    draw_object,
    draw_pavement,
    draw_wall,
    shade_of,
)
from leadline.data.procedural.rendering import Scene
from leadline.data.procedural.solids import Place, SceneBuilder, Shape
from leadline.data.procedural.street_objects import bin_box, bollard, low_wall, person, railing, wire
from leadline.data.procedural.streets import add_ground

if TYPE_CHECKING:
    from random import Random

_ELBOW_ROOM_M = 1.3


def _block(builder: SceneBuilder, place: Place, random: Random) -> None:
    """One box, ball, upright or lying cylinder of 0.2 to 1.2 m."""
    material = builder.paint(draw_object(random))
    size = 0.2 * math.exp(random.uniform(0, math.log(6)))
    shape = random.choice((Shape.BOX, Shape.BOX, Shape.BALL, Shape.COLUMN, Shape.BEAM))
    if shape is Shape.BALL:
        builder.add(shape, place, (0, size / 2, 0), (size, size, size), material)
    elif shape is Shape.BEAM:
        builder.add(shape, place, (0, size / 4, 0), (size * random.uniform(1, 2), size / 2, size / 2), material)
    else:
        extents = (size * random.uniform(0.4, 1.2), size * random.uniform(0.5, 1.8), size * random.uniform(0.4, 1.2))
        builder.add(shape, place, (0, extents[1] / 2, 0), extents, material)


def _pole(builder: SceneBuilder, place: Place, random: Random) -> None:
    colour = draw_object(random).colour
    paint = Material(colour=colour, second=shade_of(colour, 0.3), texture=Texture.PLAIN)
    builder.column(place, (0, 0, 0), (random.uniform(0.03, 0.15), random.uniform(1.2, 4.0)), builder.paint(paint))


_THINGS = (
    _block,
    _block,
    _block,
    _block,
    stack,
    _pole,
    _pole,
    railing,
    low_wall,
    bollard,
    person,
    chair,
    table,
    bin_box,
    small_thing,
)


def _scatter(builder: SceneBuilder, reach_m: float, random: Random) -> None:
    for _ in range(random.randint(6, 13)):
        z = _ELBOW_ROOM_M + (reach_m - _ELBOW_ROOM_M - 0.4) * random.random() ** 1.3
        x = random.uniform(-0.75, 0.75) * (z + 0.3)
        random.choice(_THINGS)(builder, Place(x, 0, z, random.uniform(0, 2 * math.pi)), random)
    for _ in range(random.randint(0, 2)):
        z = random.uniform(1.5, reach_m)
        ends = Place(-z, 0, z + random.uniform(-1, 1)), Place(z, 0, z + random.uniform(-1, 1))
        wire(builder, *ends, random.uniform(1.9, 2.8))


def _walls(builder: SceneBuilder, reach_m: float, random: Random) -> None:
    """A wall ahead and perhaps at the sides, 2 to 4 m high."""
    masonry, height = builder.paint(draw_masonry(random)), random.uniform(2.0, 4.0)
    builder.box(Place(0, 0, reach_m + 0.15), (0, 0, 0), (40, height, 0.3), masonry)
    for side in (-1, 1):
        if random.random() < 0.6:
            x = side * random.uniform(2.0, 6.0)
            builder.box(Place(x, 0, 5), (0, 0, 0), (0.3, height, 24), masonry)


def _hall(builder: SceneBuilder, reach_m: float, random: Random) -> tuple[float, float, float]:
    """A large bare room; where its lamp hangs comes back."""
    wall, floor = builder.paint(draw_wall(random)), builder.paint(draw_floor(random))
    height, width = random.uniform(3.0, 4.5), random.uniform(5, 12)
    ceiling = builder.paint(Material(colour=(0.8, 0.8, 0.78), grain=0.1))
    builder.background(
        Shape.SHELL, (0, height / 2, reach_m / 2 - 1), (width, height, reach_m + 2), (wall, floor, wall, wall, ceiling)
    )
    return random.uniform(-0.3, 0.3) * width, height - 0.2, reach_m * random.uniform(0.2, 0.6)


def build_yard(random: Random) -> Scene:
    """Clutter on open ground under the sky, or in a hall."""
    builder, reach = SceneBuilder(), random.uniform(4.5, 13.0)
    indoors = random.random() < 0.5
    if indoors:
        light, air = draw_lamp(random, _hall(builder, reach, random)), STILL_AIR
    else:
        add_ground(builder, draw_pavement(random))
        _walls(builder, reach, random)
        light, air = draw_sunlight(random), draw_sky(random)
    _scatter(builder, reach, random)
    solids, materials = builder.tables()
    pose = draw_pose(random, yaw_degrees=12, pitch_degrees=(-15, -7))
    return Scene(kind="yard", solids=solids, materials=materials, light=light, air=air, film=draw_film(random), pose=pose)
