# SPDX-License-Identifier: Apache-2.0
"""Surfaces and a light enter; how brightly each pixel is lit leaves, with cast shadows and darkened contacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leadline.data.procedural.solids import Shape, SolidTable
from leadline.data.procedural.tracing import crossings, pixel_bounds, to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.data.procedural.materials import Colour
    from leadline.data.procedural.surfaces import Surface
    from leadline.data.procedural.tracing import View

    F32 = NDArray[np.float32]

_SMALLEST_SHADOW_PX = 24
_CORNER_REACH_M = 0.9
_CONTACT_REACH_M = 0.35


@dataclass(frozen=True, kw_only=True, slots=True)
class Light:
    """One key light and the light that comes from everywhere.

    Attributes:
        position_m: (3,) where the key light is; the sun is simply far away.
        key: colour and strength of the key light on a surface that faces it.
        reach_m: distance at which a lamp has lost half its strength; infinite for the sun.
        above, below: light on surfaces that face straight up and straight down.
        shadow: share of the key light that a shadow takes, in [0, 1].
    """

    position_m: tuple[float, float, float]
    key: Colour
    reach_m: float
    above: Colour
    below: Colour
    shadow: float


def _windows(points_NK3: NDArray[np.float64], rows: NDArray[np.int64], view: View) -> list[tuple[int, slice, slice]]:
    """The picture rectangles of convex hulls, without those too small to matter."""
    bounds = pixel_bounds(points_NK3, view)
    areas = (bounds[:, 1] - bounds[:, 0]) * (bounds[:, 3] - bounds[:, 2])
    kept = areas >= _SMALLEST_SHADOW_PX
    pairs = zip(rows[kept].tolist(), bounds[kept].tolist(), strict=True)
    return [(row, slice(top, bottom), slice(left, right)) for row, (top, bottom, left, right) in pairs]


def _shadow_hulls(corners_N83: NDArray[np.float64], light_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 16, 3) corners of solids and where the light throws them on the ground (at most ten times as far away)."""
    drop = light_m[1] - corners_N83[..., 1:2]
    stretch = np.where(drop > 1e-3, np.clip(light_m[1] / np.maximum(drop, 1e-3), 1.0, 10.0), 10.0)
    return np.concatenate([corners_N83, light_m + (corners_N83 - light_m) * stretch], 1)


def lit_share(solids: SolidTable, surface: Surface, view: View, light: Light) -> F32:
    """(H, W) share, no unit, of the key light that reaches each pixel: 1, or ``1 - light.shadow`` behind a solid."""
    position = np.array(light.position_m)
    rows = np.flatnonzero(solids.casts)
    share = np.ones(surface.seen.shape, np.float32)
    towards_3HW = position.astype(np.float32)[:, None, None] - surface.point_m
    hulls = _shadow_hulls(solids.corners_m()[rows], position)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for row, down, across in _windows(hulls, rows, view):
            matrix = solids.unit_from_world[row]
            origin = surface.point_m[:, down, across] - solids.centre_m[row].astype(np.float32)[:, None, None]
            to_light = to_unit(matrix, towards_3HW[:, down, across])
            parts = crossings(int(solids.shape[row]), to_unit(matrix, origin), to_light)
            entry, leave = parts[0][1], parts[0][2]
            for _, part_entry, part_leave in parts[1:]:
                entry, leave = np.maximum(entry, part_entry), np.minimum(leave, part_leave)
            dark = (entry < leave) & (leave > 0) & (entry < 1) & (surface.solid[down, across] != row)
            share[down, across][dark] = 1 - light.shadow
    return share


def openness(solids: SolidTable, surface: Surface, view: View) -> F32:
    """(H, W) share, no unit, of the light from everywhere: less beside things and in a room's corners."""
    rows = np.flatnonzero(solids.casts)
    centre = solids.centre_m[rows][:, None]
    corners = solids.corners_m()[rows]
    outward = corners - centre
    grown = corners + outward / np.linalg.norm(outward, axis=-1, keepdims=True) * (_CONTACT_REACH_M * 1.7)
    share = _corner_openness(solids, surface)
    for row, down, across in _windows(grown, rows, view):
        half = solids.half_m[row].astype(np.float32)[:, None, None]
        offset = surface.point_m[:, down, across] - solids.centre_m[row].astype(np.float32)[:, None, None]
        unit = np.abs(to_unit(solids.unit_from_world[row], offset))
        gap = np.maximum((unit - 1) * half, 0)
        near = np.maximum(1 - (gap * gap).sum(0) * np.float32(1 / _CONTACT_REACH_M**2), 0)
        near *= surface.solid[down, across] != row
        share[down, across] *= 1 - np.float32(0.5) * near * near
    return share


def _corner_openness(solids: SolidTable, surface: Surface) -> F32:
    share = np.ones(surface.seen.shape, np.float32)
    for row in np.flatnonzero(solids.shape == Shape.SHELL):
        for axis in range(3):
            half = np.float32(solids.half_m[row, axis])
            gap = half - np.abs(surface.point_m[axis] - np.float32(solids.centre_m[row, axis]))
            near = np.maximum(1 - gap * np.float32(1 / _CORNER_REACH_M), 0)
            near *= 1 - np.abs(surface.normal[axis])  # a wall does not darken itself
            share *= 1 - np.float32(0.45) * near * near
    return share


def irradiance(light: Light, surface: Surface, lit: F32, openness: F32) -> F32:
    """(3, H, W) linear light on each pixel, no unit: Lambert's cosine law for the key light, a vertical blend for the rest.

    ``lit`` and ``openness`` are the (H, W) shares of the functions of those names.
    """
    towards = np.array(light.position_m, np.float32)[:, None, None] - surface.point_m
    square = (towards * towards).sum(0)
    key = (towards * surface.normal).sum(0) / np.sqrt(square)
    key = np.maximum(key, 0) * lit
    if np.isfinite(light.reach_m):
        key /= 1 + square * np.float32(1 / light.reach_m**2)
    upward = np.float32(0.5) * surface.normal[1] + np.float32(0.5)
    total = np.empty_like(surface.point_m)
    for channel in range(3):
        below, above = np.float32(light.below[channel]), np.float32(light.above[channel])
        total[channel] = (below + upward * (above - below)) * openness + key * np.float32(light.key[channel])
    return total
