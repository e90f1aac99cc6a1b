# SPDX-License-Identifier: Apache-2.0
"""Things that stand outdoors: a place and random draws enter, solids of everyday size are added to the scene."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from leadline.data.procedural.materials import Material, Texture, draw_colour, draw_masonry, shade_of
from leadline.data.procedural.solids import Place, SceneBuilder, Shape

if TYPE_CHECKING:
    from random import Random


def car(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Car or van 1.8 m wide, 3.8 to 5 m long, driving along local z."""
    length, van = random.uniform(3.8, 4.6), random.random() < 0.2
    paint = builder.paint(Material(colour=draw_colour(random, light=(0.06, 0.85), saturation=0.9), grain=0.05))
    glass = builder.paint(Material(colour=(0.04, 0.05, 0.06), grain=0.05))
    black = builder.paint(Material(colour=(0.03, 0.03, 0.03)))
    lights = builder.paint(Material(colour=random.choice(((0.7, 0.05, 0.05), (0.9, 0.9, 0.8))), glow=0.6))
    waist = 0.95 if van else 0.75
    builder.box(place, (0, 0.25, 0), (1.78, waist, length), paint)
    cabin = (length - 0.3, 0.95) if van else (length * 0.5, 0.5)
    builder.box(place, (0, 0.25 + waist, 0.1), (1.55, cabin[1] - 0.06, cabin[0]), glass)
    builder.box(place, (0, 0.19 + waist + cabin[1], 0.1), (1.5, 0.06, cabin[0] - 0.3), paint)
    for x in (-0.82, 0.82):
        builder.box(place, (x * 0.8, 0.65, -length / 2), (0.3, 0.14, 0.04), lights)
        for z in (-0.31, 0.31):
            builder.add(Shape.BEAM, place, (x, 0.32, z * length), (0.2, 0.64, 0.64), black)


def person(builder: SceneBuilder, place: Place, random: Random) -> None:
    """A standing figure of 1.55 to 1.9 m."""
    height = random.uniform(1.55, 1.9)
    legs = builder.paint(Material(colour=draw_colour(random, light=(0.05, 0.4), saturation=0.6)))
    coat = builder.paint(Material(colour=draw_colour(random, light=(0.1, 0.8), saturation=0.9)))
    skin = builder.paint(Material(colour=shade_of((0.75, 0.5, 0.38), random.uniform(0.3, 1.0)), grain=0.05))
    for x in (-0.1, 0.1):
        builder.column(place, (x, 0, 0), (0.16, height * 0.48), legs)
    builder.add(Shape.COLUMN, place, (0, height * 0.65, 0), (0.46, height * 0.37, 0.28), coat)
    builder.add(Shape.BALL, place, (0, height * 0.925, 0), (0.2, height * 0.15, 0.22), skin)


def tree(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Trunk of 15 to 35 cm with a crown of two to four balls."""
    trunk_height, width = random.uniform(1.8, 3.2), random.uniform(0.15, 0.35)
    bark = builder.paint(Material(colour=(0.16, 0.11, 0.07), grain=0.8))
    builder.column(place, (0, 0, 0), (width, trunk_height + 0.8), bark)
    leaf = (random.uniform(0.05, 0.2), random.uniform(0.16, 0.34), random.uniform(0.03, 0.1))
    leaves = builder.paint(Material(colour=leaf, second=shade_of(leaf, 0.25), texture=Texture.NOISE, grain=1.2))
    for _ in range(random.randint(2, 4)):
        size = random.uniform(1.4, 2.8)
        x, y, z = random.uniform(-0.7, 0.7), random.uniform(0.3, 1.5), random.uniform(-0.7, 0.7)
        builder.add(Shape.BALL, place, (x, trunk_height + y, z), (size, size * 0.85, size), leaves)


def lamp_post(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Pole of 10 to 16 cm and 5 to 8 m with an arm towards local x."""
    metal = builder.paint(Material(colour=draw_colour(random, light=(0.08, 0.4), saturation=0.2)))
    height, arm = random.uniform(5, 8), random.uniform(0.6, 1.4)
    builder.column(place, (0, 0, 0), (random.uniform(0.1, 0.16), height), metal)
    builder.add(Shape.BEAM, place, (arm / 2, height, 0), (arm, 0.07, 0.07), metal)
    builder.add(Shape.BALL, place, (arm, height - 0.1, 0), (0.5, 0.16, 0.25), metal)


def sign(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Traffic sign of 60 cm at 2.2 m on a pole of 6 cm."""
    grey = builder.paint(Material(colour=(0.4, 0.4, 0.4)))
    builder.column(place, (0, 0, 0), (0.06, 2.6), grey)
    face = Material(
        colour=random.choice(((0.7, 0.05, 0.05), (0.05, 0.15, 0.6), (0.85, 0.7, 0.05), (0.85, 0.85, 0.85))),
        second=(0.85, 0.85, 0.85),
        texture=random.choice((Texture.PLAIN, Texture.STRIPES)),
        period_m=(0.3, 0.3),
    )
    builder.box(place, (0, 2.1, -0.05), (0.6, random.choice((0.6, 0.4)), 0.03), builder.paint(face))


def railing(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Fence of thin bars, 0.9 to 1.1 m high, running along local x."""
    posts, gap, height = random.randint(4, 9), random.uniform(0.15, 0.45), random.uniform(0.9, 1.1)
    metal = builder.paint(Material(colour=draw_colour(random, light=(0.05, 0.8), saturation=0.5), grain=0.1))
    length = (posts - 1) * gap
    for post in range(posts):
        builder.box(place, (post * gap - length / 2, 0, 0), (0.035, height, 0.035), metal)
    for level in (0.15, height):
        builder.add(Shape.BEAM, place, (0, level, 0), (length + 0.1, 0.045, 0.045), metal)


def bollard(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Post of 12 to 20 cm and 0.8 to 1 m."""
    paint = Material(colour=draw_colour(random, light=(0.1, 0.8), saturation=0.6), second=(0.8, 0.1, 0.1), grain=0.2)
    builder.column(place, (0, 0, 0), (random.uniform(0.12, 0.2), random.uniform(0.8, 1.0)), builder.paint(paint))


def bin_box(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Refuse bin of about 0.6 by 1.1 m with a lid."""
    colour = draw_colour(random, light=(0.05, 0.4), saturation=0.8)
    builder.box(place, (0, 0, 0), (0.58, 0.98, 0.7), builder.paint(Material(colour=colour)))
    builder.box(place, (0, 0.98, 0), (0.62, 0.08, 0.76), builder.paint(Material(colour=shade_of(colour, 1.5))))


def low_wall(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Masonry wall 0.5 to 1.2 m high along local x."""
    size = (random.uniform(1.5, 4), random.uniform(0.5, 1.2), random.uniform(0.2, 0.35))
    builder.box(place, (0, 0, 0), size, builder.paint(draw_masonry(random)))


def wire(builder: SceneBuilder, start: Place, end: Place, height_m: float) -> None:
    """Cable of 3 cm between two posts at one height."""
    black = builder.paint(Material(colour=(0.03, 0.03, 0.03), grain=0.0))
    across, along = end.x_m - start.x_m, end.z_m - start.z_m
    middle = Place((start.x_m + end.x_m) / 2, 0, (start.z_m + end.z_m) / 2, math.atan2(along, across))
    builder.add(Shape.BEAM, middle, (0, height_m, 0), (math.hypot(across, along), 0.03, 0.03), black)
