# SPDX-License-Identifier: Apache-2.0
"""Things that stand in rooms: a place and random draws enter, solids of everyday size are added to the scene.

Every piece looks along its local -z: that side is its front, +z is its back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.data.procedural.materials import Material, Texture, draw_colour, draw_object, draw_wood, shade_of
from leadline.data.procedural.solids import Place, SceneBuilder, Shape

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Piece = Callable[[SceneBuilder, Place, Random], None]


def _wood_or_paint(builder: SceneBuilder, random: Random) -> int:
    if random.random() < 0.6:
        return builder.paint(draw_wood(random))
    return builder.paint(Material(colour=draw_colour(random, light=(0.2, 0.9), saturation=0.5), grain=0.1))


def _cloth(builder: SceneBuilder, random: Random) -> int:
    return builder.paint(draw_object(random))


def _legs(builder: SceneBuilder, place: Place, size_m: tuple[float, float, float], material: int) -> None:
    """Four square legs of 5 cm under the corners of a (width, height, depth)."""
    width, height, depth = size_m
    for x in (-1, 1):
        for z in (-1, 1):
            builder.box(place, (x * (width / 2 - 0.04), 0, z * (depth / 2 - 0.04)), (0.05, height, 0.05), material)


def table(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Table 0.72 to 0.76 m high with things on it."""
    width, depth, height = random.uniform(0.9, 1.7), random.uniform(0.6, 0.9), random.uniform(0.72, 0.76)
    wood = _wood_or_paint(builder, random)
    builder.box(place, (0, height - 0.04, 0), (width, 0.04, depth), wood)
    _legs(builder, place, (width, height - 0.04, depth), wood)
    for _ in range(random.randint(0, 3)):
        x, z = random.uniform(-0.4, 0.4) * width, random.uniform(-0.35, 0.35) * depth
        small_thing(builder, Place(*place.at((x, height, z)), random.uniform(0, 3)), random)


def small_thing(builder: SceneBuilder, place: Place, random: Random) -> None:
    """A ball, cup, book or carton of 8 to 35 cm."""
    material = _cloth(builder, random)
    kind, size = random.random(), random.uniform(0.08, 0.3)
    if kind < 0.25:
        builder.add(Shape.BALL, place, (0, size / 2, 0), (size, size, size), material)
    elif kind < 0.55:
        builder.column(place, (0, 0, 0), (size * 0.6, size), material)
    else:
        builder.box(place, (0, 0, 0), (size, size * random.uniform(0.2, 1.2), size * 0.7), material)


def chair(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Chair: seat at 0.45 m, back up to 0.9 m."""
    wood = _wood_or_paint(builder, random)
    builder.box(place, (0, 0.42, 0), (0.44, 0.04, 0.44), wood)
    _legs(builder, place, (0.44, 0.42, 0.44), wood)
    builder.box(place, (0, 0.55, 0.2), (0.44, random.uniform(0.3, 0.4), 0.03), wood)
    for x in (-0.2, 0.2):
        builder.box(place, (x, 0.46, 0.2), (0.03, 0.15, 0.03), wood)


def sofa(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Sofa or armchair: seat at 0.42 m, back at 0.85 m."""
    cloth = _cloth(builder, random)
    width = random.choice((0.9, 1.6, 2.0))
    builder.box(place, (0, 0, 0), (width, 0.42, 0.8), cloth)
    builder.box(place, (0, 0.42, 0.32), (width, 0.43, 0.18), cloth)
    for x in (-1, 1):
        builder.box(place, (x * (width / 2 + 0.08), 0, 0), (0.16, 0.6, 0.82), cloth)


def bed(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Bed 2 m long with a headboard and pillow."""
    width = random.choice((0.9, 1.4, 1.8))
    cloth = _cloth(builder, random)
    builder.box(place, (0, 0, 0), (width, random.uniform(0.4, 0.55), 2.0), cloth)
    builder.box(place, (0, 0, 1.0), (width + 0.06, random.uniform(0.8, 1.1), 0.06), _wood_or_paint(builder, random))
    builder.box(place, (0, 0.5, 0.75), (width * 0.6, 0.12, 0.4), builder.paint(Material(colour=(0.85, 0.85, 0.85))))


def cabinet(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Wardrobe, chest or sideboard with visible doors and handles."""
    width, height, depth = random.uniform(0.6, 1.8), random.choice((0.75, 1.0, 1.9, 2.1)), random.uniform(0.35, 0.6)
    body = _wood_or_paint(builder, random)
    builder.box(place, (0, 0, 0), (width, height, depth), body)
    doors = max(1, round(width / 0.5))
    metal = builder.paint(Material(colour=(0.12, 0.12, 0.12)))
    for door in range(doors):
        x = (door + 0.5) / doors * width - width / 2
        builder.box(place, (x + 0.4 * width / doors, height * 0.45, -depth / 2), (0.03, 0.14, 0.05), metal)
        builder.box(place, (x - 0.5 * width / doors, 0.05, -depth / 2), (0.012, height - 0.1, 0.012), metal)
    if height < 1.2 and random.random() < 0.6:
        small_thing(builder, Place(*place.at((random.uniform(-0.3, 0.3) * width, height, 0))), random)


def shelf(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Open shelf with boards every 35 cm and books."""
    width, levels = random.uniform(0.7, 1.3), random.randint(3, 6)
    wood = _wood_or_paint(builder, random)
    for x in (-width / 2, width / 2):
        builder.box(place, (x, 0, 0), (0.03, 0.35 * levels + 0.03, 0.3), wood)
    for level in range(levels + 1):
        builder.box(place, (0, 0.35 * level, 0), (width, 0.03, 0.3), wood)
        if level < levels and random.random() < 0.7:
            books = random.uniform(0.2, 0.8) * width
            row = Material(
                colour=draw_colour(random, light=(0.2, 0.8), saturation=0.8),
                second=draw_colour(random, light=(0.1, 0.6), saturation=0.8),
                texture=random.choice(_BOOK_TEXTURES),
                period_m=(0.09, 0.3),
            )
            x = random.uniform(-0.5, 0.5) * (width - books)
            builder.box(place, (x, 0.35 * level + 0.03, 0.02), (books, random.uniform(0.18, 0.28), 0.2), builder.paint(row))


_BOOK_TEXTURES = (Texture.STRIPES, Texture.PLANKS)


def standing_lamp(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Thin pole of 3 cm with a glowing shade at 1.5 m."""
    metal = builder.paint(Material(colour=(0.1, 0.1, 0.1)))
    builder.column(place, (0, 0, 0), (0.3, 0.03), metal)
    builder.column(place, (0, 0, 0), (0.03, 1.5), metal)
    warm = (0.95, random.uniform(0.75, 0.9), random.uniform(0.5, 0.75))
    builder.column(place, (0, 1.4, 0), (random.uniform(0.3, 0.45), 0.28), builder.paint(Material(colour=warm, glow=1.2)))


def plant(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Pot with a stem and a crown of leaves."""
    clay = (random.uniform(0.3, 0.6), random.uniform(0.15, 0.3), 0.12)
    builder.column(place, (0, 0, 0), (0.32, 0.3), builder.paint(Material(colour=clay)))
    leaf = (random.uniform(0.05, 0.15), random.uniform(0.22, 0.4), random.uniform(0.04, 0.12))
    leaves = builder.paint(
        Material(colour=leaf, second=shade_of(leaf, 0.3), texture=Texture.NOISE, period_m=(0.1, 0.1), grain=0.9)
    )
    height = random.uniform(0.5, 1.2)
    builder.column(place, (0, 0.3, 0), (0.04, height), leaves)
    for _ in range(3):
        x, y, z = random.uniform(-0.15, 0.15), random.uniform(0.0, 0.25), random.uniform(-0.15, 0.15)
        size = random.uniform(0.25, 0.5)
        builder.add(Shape.BALL, place, (x, 0.2 + height + y, z), (size, size * 1.2, size), leaves)


def stack(builder: SceneBuilder, place: Place, random: Random) -> None:
    """One to three cartons on top of each other, each turned a little."""
    base = 0.0
    for _ in range(random.randint(1, 3)):
        size = random.uniform(0.25, 0.6)
        height = size * random.uniform(0.5, 1.0)
        turned = Place(*place.at((0, base, 0)), place.yaw + random.uniform(-0.4, 0.4))
        builder.box(turned, (0, 0, 0), (size, height, size * random.uniform(0.6, 1.0)), _cloth(builder, random))
        base += height


AGAINST_WALL: tuple[Piece, ...] = (cabinet, cabinet, shelf, sofa, table, bed, plant, standing_lamp)
STANDING_FREE: tuple[Piece, ...] = (table, chair, chair, sofa, stack, plant, small_thing, standing_lamp)
