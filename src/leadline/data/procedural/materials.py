# SPDX-License-Identifier: Apache-2.0
"""What surfaces are made of: random draws enter, materials with patterns of real-world size leave."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from numpy.typing import NDArray

Colour = tuple[float, float, float]


class Texture(IntEnum):
    """Pattern that mixes a material's two colours."""

    PLAIN = 0
    CHECKER = 1
    STRIPES = 2
    BRICKS = 3
    PLANKS = 4
    NOISE = 5
    GRADIENT = 6
    WINDOWS = 7
    ROAD = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """Colours and pattern of a surface; colours are linear, not gamma-coded.

    Attributes:
        colour, second: the two colours the texture mixes, in [0, 1].
        period_m: size of one repeat along the surface's u (horizontal) and v (vertical, or ahead on the ground).
        phase_m: shift of the pattern.
        grain: strength of the fine irregularity that real surfaces have, 0 for none.
        glow: light the surface sends out by itself, in units of its colour.
    """

    colour: Colour
    second: Colour = (0.5, 0.5, 0.5)
    texture: Texture = Texture.PLAIN
    period_m: tuple[float, float] = (1.0, 1.0)
    phase_m: tuple[float, float] = (0.0, 0.0)
    grain: float = 0.25
    glow: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class MaterialTable:
    """M materials: colours and steps (3, M), linear, periods and phases (2, M) in metres, the rest (M,) without unit."""

    colour: NDArray[np.float32]
    step: NDArray[np.float32]  # second colour minus first
    texture: NDArray[np.int8]
    period_m: NDArray[np.float32]  # (2, M)
    phase_m: NDArray[np.float32]  # (2, M)
    grain: NDArray[np.float32]
    glow: NDArray[np.float32]

    @classmethod
    def of(cls, materials: Sequence[Material]) -> MaterialTable:
        """Stack M materials in their order; shapes and units as the class says."""
        colour = np.array([m.colour for m in materials], np.float32).T
        second = np.array([m.second for m in materials], np.float32).T
        return cls(
            colour=np.ascontiguousarray(colour),
            step=np.ascontiguousarray(second - colour),
            texture=np.array([m.texture for m in materials], np.int8),
            period_m=np.ascontiguousarray(np.array([m.period_m for m in materials], np.float32).T),
            phase_m=np.ascontiguousarray(np.array([m.phase_m for m in materials], np.float32).T),
            grain=np.array([m.grain for m in materials], np.float32),
            glow=np.array([m.glow for m in materials], np.float32),
        )


def draw_colour(random: Random, *, light: tuple[float, float], saturation: float) -> Colour:
    """A random colour whose brightest channel lies in ``light`` and whose others fall by at most ``saturation``."""
    value = random.uniform(*light)
    low, middle = sorted((random.random() * saturation, random.random() * saturation))
    channels = [value, value * (1 - low), value * (1 - middle)]
    random.shuffle(channels)
    return channels[0], channels[1], channels[2]


def shade_of(colour: Colour, factor: float) -> Colour:
    """Lighter or darker, each channel kept inside [0, 1]: a bright colour that is lightened loses saturation."""
    red, green, blue = (min(1.0, channel * factor) for channel in colour)
    return red, green, blue


def draw_object(random: Random) -> Material:
    """Any thing one may find standing about: plain, noisy, striped, checked or shaded, pattern of 5 to 30 cm."""
    colour = draw_colour(random, light=(0.08, 0.8), saturation=0.85)
    kinds = [Texture.PLAIN, Texture.PLAIN, Texture.NOISE, Texture.STRIPES, Texture.CHECKER, Texture.GRADIENT]
    texture = random.choice(kinds)
    second = shade_of(colour, random.uniform(0.35, 0.7))
    if random.random() < 0.3:
        second = draw_colour(random, light=(0.1, 0.9), saturation=0.7)
    period = random.uniform(0.06, 0.3)
    periods = (period, period * random.choice((1.0, 1.0, 0.5)))
    return Material(colour=colour, second=second, texture=texture, period_m=periods, grain=random.uniform(0.1, 0.4))


def draw_wood(random: Random) -> Material:
    """Boards 9 to 20 cm wide and 0.6 to 1.6 m long."""
    red = random.uniform(0.12, 0.55)
    colour = (red, red * random.uniform(0.5, 0.75), red * random.uniform(0.25, 0.5))
    period = (random.uniform(0.09, 0.2), random.uniform(0.6, 1.6))
    second = shade_of(colour, random.uniform(0.45, 0.7))
    return Material(colour=colour, second=second, texture=Texture.PLANKS, period_m=period, grain=0.3)


def draw_floor(random: Random) -> Material:
    """Indoor floor: boards, square tiles of 20 to 60 cm, or carpet."""
    kind = random.random()
    if kind < 0.45:
        return draw_wood(random)
    colour = draw_colour(random, light=(0.25, 0.75), saturation=0.35)
    if kind < 0.65:
        side = random.uniform(0.2, 0.6)
        return Material(
            colour=colour, second=shade_of(colour, 0.45), texture=Texture.CHECKER, period_m=(2 * side, 2 * side), grain=0.15
        )
    if kind < 0.82:
        side = random.uniform(0.3, 0.6)
        return Material(
            colour=colour, second=shade_of(colour, 0.5), texture=Texture.BRICKS, period_m=(side, side), grain=0.2
        )
    return Material(colour=colour, second=shade_of(colour, 0.6), texture=Texture.NOISE, period_m=(0.4, 0.4), grain=0.5)


def draw_wall(random: Random) -> Material:
    """Indoor wall: paint, striped paper, panels or bare bricks of 24 by 8 cm."""
    colour = draw_colour(random, light=(0.4, 0.9), saturation=0.28)
    texture = random.choices([Texture.PLAIN, Texture.NOISE, Texture.STRIPES, Texture.BRICKS], (5, 2, 2, 2))[0]
    if texture is Texture.BRICKS:
        colour = (random.uniform(0.35, 0.7), random.uniform(0.18, 0.35), random.uniform(0.12, 0.25))
        return Material(colour=colour, second=(0.6, 0.58, 0.55), texture=texture, period_m=(0.24, 0.08), grain=0.4)
    second = shade_of(colour, random.uniform(0.7, 0.9))
    period = random.uniform(0.2, 0.5)
    return Material(
        colour=colour, second=second, texture=texture, period_m=(period, period), grain=random.uniform(0.05, 0.2)
    )


def draw_facade(random: Random) -> Material:
    """House front: storeys of 2.8 to 3.3 m, a window every 1.8 to 3 m."""
    colour = draw_colour(random, light=(0.25, 0.8), saturation=0.4)
    glass = draw_colour(random, light=(0.03, 0.16), saturation=0.4)
    period = (random.uniform(1.8, 3.0), random.uniform(2.8, 3.3))
    phase = (random.uniform(0, 3), random.uniform(-0.3, 0.3))
    return Material(colour=colour, second=glass, texture=Texture.WINDOWS, period_m=period, phase_m=phase, grain=0.3)


def draw_masonry(random: Random) -> Material:
    """Outdoor wall of blocks 24 to 50 cm long."""
    colour = draw_colour(random, light=(0.25, 0.65), saturation=0.3)
    length = random.uniform(0.24, 0.5)
    period = (length, length * random.uniform(0.35, 0.5))
    return Material(colour=colour, second=shade_of(colour, 0.55), texture=Texture.BRICKS, period_m=period, grain=0.4)


def draw_pavement(random: Random) -> Material:
    """Outdoor paving: slabs of 30 to 60 cm, grass or gravel."""
    grey = draw_colour(random, light=(0.2, 0.5), saturation=0.15)
    if random.random() < 0.6:
        side = random.uniform(0.3, 0.6)
        return Material(colour=grey, second=shade_of(grey, 0.6), texture=Texture.BRICKS, period_m=(side, side), grain=0.4)
    if random.random() < 0.5:
        grey = (random.uniform(0.08, 0.18), random.uniform(0.2, 0.32), random.uniform(0.04, 0.1))
    return Material(colour=grey, second=shade_of(grey, 0.5), texture=Texture.NOISE, period_m=(0.4, 0.4), grain=0.7)
