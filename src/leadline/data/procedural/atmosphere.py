# SPDX-License-Identifier: Apache-2.0
"""Random draws enter; the light, air, film and camera pose of a scene leave."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from leadline.data.procedural.lighting import Light
from leadline.data.procedural.rendering import Air, Film, Pose

if TYPE_CHECKING:
    from random import Random

    from leadline.data.procedural.materials import Colour

_SUN_DISTANCE_M = 1000.0
STILL_AIR = Air(horizon=(0.0, 0.0, 0.0), zenith=(0.0, 0.0, 0.0), clouds=0.0, haze_per_m=0.0)


def _scaled(colour: Colour, strength: float) -> Colour:
    return colour[0] * strength, colour[1] * strength, colour[2] * strength


def draw_sunlight(random: Random) -> Light:
    """Sun 20 to 65 degrees high from any side, or an overcast sky with a faint sun; bluish light from above."""
    azimuth, height = random.uniform(0, 2 * math.pi), math.radians(random.uniform(20, 65))
    across, up = _SUN_DISTANCE_M * math.cos(height), _SUN_DISTANCE_M * math.sin(height)
    overcast = random.random() < 0.3
    sun = random.uniform(0.1, 0.4) if overcast else random.uniform(0.9, 1.6)
    warm = random.uniform(0.7, 1.0)
    sky = random.uniform(0.35, 0.6)
    return Light(
        position_m=(across * math.sin(azimuth), up, across * math.cos(azimuth)),
        key=_scaled((1.0, 0.6 + 0.4 * warm, warm), sun),
        reach_m=math.inf,
        above=_scaled((0.8, 0.9, 1.0), sky),
        below=_scaled((1.0, 0.95, 0.85), sky * random.uniform(0.3, 0.6)),
        shadow=random.uniform(0.85, 1.0),
    )


def draw_lamp(random: Random, position_m: tuple[float, float, float]) -> Light:
    """A lamp or bright window near ``position_m`` of a room, warm to cool."""
    warm = random.uniform(0.55, 1.05)
    room = random.uniform(0.25, 0.55)
    tone = (1.0, 0.5 + 0.5 * min(warm, 1.0), warm)
    return Light(
        position_m=position_m,
        key=_scaled(tone, random.uniform(0.9, 1.8)),
        reach_m=random.uniform(2.0, 5.0),
        above=_scaled(tone, room),
        below=_scaled(tone, room * random.uniform(0.5, 0.9)),
        shadow=random.uniform(0.4, 0.9),
    )


def draw_sky(random: Random) -> Air:
    """Blue, grey or evening sky; haze that takes between 0 and 1.2 % of the light per metre."""
    kind = random.random()
    if kind < 0.6:
        zenith, horizon = (0.12, 0.28, 0.65), (0.55, 0.7, 0.9)
    elif kind < 0.85:
        zenith, horizon = (0.5, 0.53, 0.58), (0.75, 0.76, 0.78)
    else:
        zenith, horizon = (0.2, 0.24, 0.5), (0.95, 0.65, 0.4)
    strength = random.uniform(0.7, 1.2)
    return Air(
        horizon=_scaled(horizon, strength),
        zenith=_scaled(zenith, strength),
        clouds=random.uniform(0.0, 1.2),
        haze_per_m=random.uniform(0.0, 0.012),
    )


def draw_film(random: Random) -> Film:
    """Exposure within one and a half stops, mild white-balance error, softness and noise."""
    return Film(
        brightness=random.uniform(0.14, 0.36),
        softness=random.uniform(0.03, 0.14),
        noise=random.uniform(0.002, 0.012),
        white=(random.uniform(0.92, 1.08), 1.0, random.uniform(0.92, 1.08)),
    )


def draw_pose(random: Random, *, yaw_degrees: float, pitch_degrees: tuple[float, float]) -> Pose:
    """A person's camera: 1.45 to 1.65 m above the ground, nearly upright, horizontal field of view of 56 to 60 degrees."""
    return Pose(
        height_m=random.uniform(1.45, 1.65),
        yaw=math.radians(random.uniform(-yaw_degrees, yaw_degrees)),
        pitch=math.radians(random.uniform(*pitch_degrees)),
        roll=math.radians(random.gauss(0, 0.7)),
        focal_share=random.uniform(0.86, 0.94),
    )
