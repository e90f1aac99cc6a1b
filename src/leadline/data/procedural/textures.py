# SPDX-License-Identifier: Apache-2.0
"""Surface coordinates in metres enter; albedo per pixel leaves, patterns fade where a pixel is too coarse for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leadline.data.procedural.materials import MaterialTable, Texture

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    F32 = NDArray[np.float32]
    Pattern = Callable[[F32, F32, F32], F32]

_GRAIN_TEXEL_M = 0.012
_GRAIN_SIZE = 512
_GRAIN_LEVELS = 7
_CELL_SHADES = np.random.Generator(np.random.PCG64(11)).random(4096, np.float32)


def _fractal_tile() -> F32:
    """(512, 512) tileable noise of mean 0 whose amplitude halves with each octave, values within about +-1."""
    source = np.random.Generator(np.random.PCG64(7))
    tile = np.zeros((_GRAIN_SIZE, _GRAIN_SIZE), np.float32)
    for octave in range(2, 9):
        cells = 2**octave
        knots = source.standard_normal((cells, cells)).astype(np.float32)
        position = np.arange(_GRAIN_SIZE, dtype=np.float32) * cells / _GRAIN_SIZE
        low = position.astype(np.int64)
        weight = (position - low) ** 2 * (3 - 2 * (position - low))
        rows = knots[low] * (1 - weight)[:, None] + knots[(low + 1) % cells] * weight[:, None]
        tile += (rows[:, low] * (1 - weight) + rows[:, (low + 1) % cells] * weight) * 0.72**octave
    scaled: F32 = ((tile - tile.mean()) / (2.5 * tile.std())).astype(np.float32)
    return scaled


def _pyramid() -> tuple[F32, NDArray[np.int32]]:
    """All halvings of the tile in one flat array and where each begins, so that one gather reads any level."""
    level, levels, starts = _fractal_tile(), [], [0]
    for _ in range(_GRAIN_LEVELS):
        levels.append(level.ravel())
        starts.append(starts[-1] + level.size)
        level = level.reshape(level.shape[0] // 2, 2, -1, 2).mean((1, 3))
    return np.concatenate(levels), np.array(starts[:-1], np.int32)


_GRAIN, _GRAIN_STARTS = _pyramid()


def grain(u_m: F32, v_m: F32, footprint_m: F32) -> F32:
    """Fractal noise of mean 0, averaged over the footprint of a pixel.  (P,) metres three times -> (P,), no unit."""
    level = np.log2(np.maximum(footprint_m * np.float32(1 / _GRAIN_TEXEL_M), np.float32(1.0)))
    level = np.minimum(level, np.float32(_GRAIN_LEVELS - 1)).astype(np.int32)
    scale = np.float32(1 / _GRAIN_TEXEL_M)
    column = (u_m * scale).astype(np.int32) & (_GRAIN_SIZE - 1)
    row = (v_m * scale).astype(np.int32) & (_GRAIN_SIZE - 1)
    row >>= level
    row <<= 9 - level  # 512 = 2**9 columns at level 0
    column >>= level
    column += row
    column += _GRAIN_STARTS[level]
    noise: F32 = _GRAIN[column]
    return noise


def _cell_shade(a: F32, b: F32) -> F32:
    """A fixed random number in [0, 1) for each integer cell (a, b), given as floats."""
    index = (a.astype(np.int32) * 157 + b.astype(np.int32) * 1013) & 4095
    shade: F32 = _CELL_SHADES[index]
    return shade


def _checker(a: F32, b: F32, _fade: F32) -> F32:
    return ((a - np.floor(a) < 0.5) ^ (b - np.floor(b) < 0.5)).astype(np.float32)


def _stripes(a: F32, _b: F32, _fade: F32) -> F32:
    return (a - np.floor(a) < 0.5).astype(np.float32)


def _bricks(a: F32, b: F32, fade: F32) -> F32:
    row = np.floor(b)
    a = np.add(a, np.float32(0.5) * row)
    cell = np.floor(a)
    gap = np.maximum(np.abs(a - cell - 0.5), np.abs(b - row - 0.5)) > 0.46
    return np.where(gap, fade, 0.4 * _cell_shade(cell, row))


def _planks(a: F32, b: F32, fade: F32) -> F32:
    column = np.floor(a)
    b = np.add(b, np.float32(0.37) * column)
    cell = np.floor(b)
    gap = (np.abs(a - column - 0.5) > 0.47) | (np.abs(b - cell - 0.5) > 0.495)
    return np.where(gap, fade, 0.7 * _cell_shade(column, cell))


def _noise(a: F32, b: F32, _fade: F32) -> F32:
    coarse = grain(a * np.float32(0.3), b * np.float32(0.3), np.full_like(a, 0.02))
    share: F32 = np.clip(0.5 + coarse, 0, 1)
    return share


def _gradient(_a: F32, b: F32, _fade: F32) -> F32:
    share: F32 = np.clip(b * np.float32(0.2), 0, 1)
    return share


def _windows(a: F32, b: F32, _fade: F32) -> F32:
    column, storey = np.floor(a), np.floor(b)
    across, up = np.abs(a - column - 0.5), np.abs(b - storey - 0.55)
    glass = (across < 0.27) & (up < 0.28) & (across > 0.015)
    return np.where(glass, 0.7 + 0.3 * _cell_shade(column, storey), np.float32(0.0))


def _road(a: F32, b: F32, _fade: F32) -> F32:
    """Dashed lane lines one period apart, one at u = 0: 3 % of the lane wide, half of each dash period long."""
    line = np.abs(a - np.round(a)) < 0.022
    return (line & (b - np.floor(b) < 0.5)).astype(np.float32)


# Pattern, and the share of the second colour that it shows from afar.
_PATTERNS: dict[Texture, tuple[Pattern, float]] = {
    Texture.CHECKER: (_checker, 0.5),
    Texture.STRIPES: (_stripes, 0.5),
    Texture.BRICKS: (_bricks, 0.3),
    Texture.PLANKS: (_planks, 0.4),
    Texture.NOISE: (_noise, 0.5),
    Texture.GRADIENT: (_gradient, 0.5),
    Texture.WINDOWS: (_windows, 0.25),
    Texture.ROAD: (_road, 0.02),
}


def _mix_share(table: MaterialTable, material: NDArray[np.int32], u_m: F32, v_m: F32, footprint_m: F32) -> F32:
    """(P,) share of the second colour at every pixel."""
    texture = table.texture[material]
    share = np.zeros(u_m.shape, np.float32)
    for kind, (pattern, mean) in _PATTERNS.items():
        if not (table.texture == kind).any():
            continue
        where = np.flatnonzero(texture == kind)
        if where.size == 0:
            continue
        rows = material[where]
        period_2P, phase_2P = table.period_m[:, rows], table.phase_m[:, rows]
        a, b = (u_m[where] + phase_2P[0]) / period_2P[0], (v_m[where] + phase_2P[1]) / period_2P[1]
        fade = np.clip(1.4 - 2.0 * footprint_m[where] / period_2P.min(0), 0, 1)
        share[where] = mean + (pattern(a, b, fade) - mean) * fade
    return share


def albedo(table: MaterialTable, material: NDArray[np.int32], u_m: F32, v_m: F32, footprint_m: F32) -> F32:
    """Diffuse reflectance of P surface points.

    Args:
        table: the scene's materials.
        material: (P,) row of the table per point.
        u_m, v_m: (P,) position along the surface, metres.
        footprint_m: (P,) width of the pixel on the surface, metres; patterns finer than that fade to their mean.

    Returns:
        (3, P) linear colour, no unit, not below 0.
    """
    share = _mix_share(table, material, u_m, v_m, footprint_m)
    colour_3P = table.step[:, material]
    colour_3P *= share
    colour_3P += table.colour[:, material]
    shade = grain(u_m, v_m, footprint_m)
    shade *= table.grain[material]
    shade += 1.0
    colour_3P *= np.maximum(shade, 0.1, out=shade)
    return colour_3P
