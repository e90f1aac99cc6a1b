# SPDX-License-Identifier: Apache-2.0
"""Random draws enter; furnished rooms of 2.5 to 8 m with doors, windows and lamps leave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadline.data.procedural.atmosphere import STILL_AIR, draw_film, draw_lamp, draw_pose
from leadline.data.procedural.furniture import AGAINST_WALL, STANDING_FREE
from leadline.data.procedural.materials import (
    Material,
    Texture,
    draw_colour,
    draw_floor,
    draw_object,
    draw_wall,
    draw_wood,
    shade_of,
)
from leadline.data.procedural.rendering import Scene
from leadline.data.procedural.solids import Place, SceneBuilder, Shape

if TYPE_CHECKING:
    from random import Random

_ELBOW_ROOM_M = 0.8


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """Distances from the camera to the walls and the height of the ceiling, metres."""

    left: float
    right: float
    ahead: float
    behind: float
    height: float

    def wall(self, side: str, along: float) -> Place:
        """A spot at the foot of a wall, ``along`` in [0, 1] of its length, turned so that local -z looks into the room."""
        if side == "ahead":
            return Place(-self.left + along * (self.left + self.right), 0, self.ahead, 0.0)
        z = -self.behind + along * (self.ahead + self.behind)
        if side == "left":
            return Place(-self.left, 0, z, math.pi / 2)
        return Place(self.right, 0, z, -math.pi / 2)


def _draw_plan(random: Random) -> _Plan:
    width = random.uniform(2.5, 7.0)
    left = width * random.uniform(0.2, 0.8)
    ahead = 2.2 * math.exp(random.uniform(0, math.log(3.3)))
    behind = min(random.uniform(0.4, 1.5), 8.0 - ahead)
    return _Plan(left=left, right=width - left, ahead=ahead, behind=behind, height=random.uniform(2.35, 3.1))


def _walls(builder: SceneBuilder, plan: _Plan, random: Random) -> None:
    floor, wall = builder.paint(draw_floor(random)), draw_wall(random)
    first = builder.paint(wall)
    second = builder.paint(draw_wall(random)) if random.random() < 0.25 else first
    white = draw_colour(random, light=(0.7, 0.95), saturation=0.08)
    ceiling = builder.paint(Material(colour=white, grain=0.05))
    width, length = plan.left + plan.right, plan.ahead + plan.behind
    centre = ((plan.right - plan.left) / 2, plan.height / 2, (plan.ahead - plan.behind) / 2)
    builder.background(Shape.SHELL, centre, (width, plan.height, length), (first, floor, second, first, ceiling))
    if random.random() < 0.7:
        board = builder.paint(Material(colour=shade_of(wall.colour, random.choice((0.4, 1.4))), grain=0.1))
        for side, run in (("ahead", width), ("left", length), ("right", length)):
            builder.box(plan.wall(side, 0.5), (0, 0, 0), (run, random.uniform(0.06, 0.12), 0.03), board)


def _door(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Door of 0.85 by 2.02 m in a frame, with a handle at 1.05 m."""
    leaf = (
        draw_wood(random)
        if random.random() < 0.5
        else Material(colour=draw_colour(random, light=(0.5, 0.9), saturation=0.3))
    )
    wood, frame = builder.paint(leaf), builder.paint(Material(colour=draw_colour(random, light=(0.3, 0.95), saturation=0.2)))
    builder.box(place, (0, 0, 0), (0.85, 2.02, 0.06), wood)
    for x in (-0.46, 0.46):
        builder.box(place, (x, 0, 0), (0.08, 2.02, 0.1), frame)
    builder.box(place, (0, 2.02, 0), (1.0, 0.08, 0.1), frame)
    builder.box(place, (0.35, 1.03, -0.05), (0.12, 0.03, 0.06), builder.paint(Material(colour=(0.2, 0.2, 0.2))))


def _window(builder: SceneBuilder, place: Place, random: Random) -> None:
    """Bright pane above a sill at 0.9 m, divided by bars."""
    width, height = random.uniform(0.8, 1.8), random.uniform(1.0, 1.35)
    sky = (random.uniform(0.6, 0.85), random.uniform(0.75, 0.9), 0.95)
    pane = Material(
        colour=shade_of(sky, 0.7), second=sky, texture=Texture.GRADIENT, grain=0.05, glow=random.uniform(0.8, 2.5)
    )
    builder.box(place, (0, 0.9, 0), (width, height, 0.03), builder.paint(pane))
    frame = builder.paint(Material(colour=draw_colour(random, light=(0.4, 0.95), saturation=0.1)))
    builder.box(place, (0, 0.86, -0.08), (width + 0.1, 0.04, 0.22), frame)
    builder.box(place, (0, 0.9 + height, 0), (width + 0.1, 0.06, 0.1), frame)
    bars = random.randint(2, 4)
    for bar in range(bars):
        x = (bar / (bars - 1) - 0.5) * width
        builder.box(place, (x, 0.9, 0), (0.05, height, 0.09), frame)


def _picture(builder: SceneBuilder, place: Place, random: Random) -> None:
    width, height = random.uniform(0.3, 1.0), random.uniform(0.3, 0.7)
    base = random.uniform(1.2, 1.5)
    frame = builder.paint(Material(colour=draw_colour(random, light=(0.05, 0.6), saturation=0.5)))
    builder.box(place, (0, base, 0), (width + 0.06, height + 0.06, 0.05), frame)
    builder.box(place, (0, base + 0.03, 0), (width, height, 0.06), builder.paint(draw_object(random)))


def _fittings(builder: SceneBuilder, plan: _Plan, random: Random) -> None:
    """A door, windows and pictures, each in its own third of a wall."""
    spots = [(side, third) for side in ("ahead", "left", "right") for third in (0.18, 0.5, 0.82)]
    random.shuffle(spots)
    kinds = [_door] + [_window] * random.randint(0, 2) + [_picture] * random.randint(0, 3)
    for (side, third), kind in zip(spots, kinds, strict=False):
        kind(builder, plan.wall(side, third + random.uniform(-0.06, 0.06)), random)


def _furnish(builder: SceneBuilder, plan: _Plan, random: Random) -> None:
    for _ in range(random.randint(1, 4)):
        side = random.choice(("ahead", "ahead", "left", "right"))
        foot = plan.wall(side, random.uniform(0.15, 0.85))
        spot = Place(*foot.at((0, 0, -random.uniform(0.32, 0.45))), foot.yaw)
        if spot.z_m > _ELBOW_ROOM_M + 0.8 or abs(spot.x_m) > 1.6:
            random.choice(AGAINST_WALL)(builder, spot, random)
    for _ in range(random.randint(0, 4)):
        x = random.uniform(-plan.left + 0.5, plan.right - 0.5)
        z = random.uniform(_ELBOW_ROOM_M, plan.ahead - 0.4)
        if math.hypot(x, z) > _ELBOW_ROOM_M + 0.7:
            random.choice(STANDING_FREE)(builder, Place(x, 0, z, random.uniform(0, 2 * math.pi)), random)
    if random.random() < 0.35:
        spread = (random.uniform(1.2, 2.4), 0.012, random.uniform(0.9, 1.7))
        spot = Place(random.uniform(-0.5, 0.5), 0, plan.ahead * random.uniform(0.4, 0.7), random.uniform(-0.3, 0.3))
        builder.box(spot, (0, 0, 0), spread, builder.paint(draw_object(random)))


def _hanging_lamp(builder: SceneBuilder, spot: Place, ceiling_m: float, random: Random) -> float:
    """A glowing globe on a wire of 2 cm; its height comes back."""
    drop = random.uniform(0.2, 0.7)
    builder.column(spot, (0, ceiling_m - drop, 0), (0.02, drop), builder.paint(Material(colour=(0.05, 0.05, 0.05))))
    size = random.uniform(0.2, 0.4)
    globe = builder.paint(Material(colour=(0.95, 0.9, 0.8), glow=2.0, grain=0.0))
    builder.add(Shape.BALL, spot, (0, ceiling_m - drop, 0), (size, size, size), globe)
    return ceiling_m - drop


def build_room(random: Random) -> Scene:
    """One room with the camera near its rear wall."""
    builder, plan = SceneBuilder(), _draw_plan(random)
    _walls(builder, plan, random)
    _fittings(builder, plan, random)
    _furnish(builder, plan, random)
    spot = Place(random.uniform(-0.6, 0.6) * min(plan.left, plan.right), 0, plan.ahead * random.uniform(0.3, 0.7))
    lamp_y = plan.height - 0.15
    if random.random() < 0.4:
        lamp_y = _hanging_lamp(builder, spot, plan.height, random) - 0.3
    solids, materials = builder.tables()
    return Scene(
        kind="room",
        solids=solids,
        materials=materials,
        light=draw_lamp(random, (spot.x_m, lamp_y, spot.z_m)),
        air=STILL_AIR,
        film=draw_film(random),
        pose=draw_pose(random, yaw_degrees=20, pitch_degrees=(-16, -9)),
    )
