# SPDX-License-Identifier: Apache-2.0
"""Solids and a camera enter; for every pixel the exact z-depth, the solid and the face it shows leave.

Rays are not normalised: in camera coordinates each is (x, y, 1), so the ray parameter *is* the z-depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from leadline.data.procedural.solids import Face, Shape, SolidTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

NEAREST_M = 0.05
_SLABS: dict[int, tuple[int, ...]] = {
    Shape.BOX: (0, 1, 2),
    Shape.SHELL: (0, 1, 2),
    Shape.COLUMN: (1,),
    Shape.BEAM: (0,),
    Shape.BALL: (),
}
_ROUND: dict[int, tuple[int, ...]] = {Shape.COLUMN: (0, 2), Shape.BEAM: (1, 2), Shape.BALL: (0, 1, 2)}


@dataclass(frozen=True, kw_only=True)
class View:
    """A pinhole camera in the world.

    Attributes:
        position_m: (3,) optical centre, metres.
        rotation: (3, 3), no unit, whose columns are the camera's right, down and forward in the world.
        focal_px: focal length in pixels, the same along both axes.
        height, width: picture size in pixels; the principal point is its centre.
    """

    position_m: NDArray[np.float64]
    rotation: NDArray[np.float64]
    focal_px: float
    height: int
    width: int

    @cached_property
    def rays(self) -> F32:
        """(3, H, W) world directions through the pixel centres with z = 1 in the camera, no unit."""
        return self.rays_shifted(np.zeros((self.height, self.width), np.float32))

    def rays_shifted(self, leftward_px: F32) -> F32:
        """``rays`` (3, H, W) through points that lie ``leftward_px`` (H, W) pixels to the left of the pixel centres."""
        column = np.arange(self.width, dtype=np.float32) + np.float32(0.5 - self.width / 2)
        row = np.arange(self.height, dtype=np.float32) + np.float32(0.5 - self.height / 2)
        x = (column[None] - leftward_px) * np.float32(1 / self.focal_px)
        y = row[:, None] * np.float32(1 / self.focal_px)
        turn = self.rotation.astype(np.float32)
        rays = np.stack([turn[axis, 0] * x + (turn[axis, 1] * y + turn[axis, 2]) for axis in range(3)])
        rays[rays == 0] = 1e-12  # a ray exactly along a wall would give 0 * inf
        return rays

    def moved_right(self, baseline_m: float) -> View:
        """The same camera, so many metres along its own x axis: the right one of a rectified pair; shapes stay."""
        position_m = self.position_m + baseline_m * self.rotation[:, 0]
        return View(
            position_m=position_m, rotation=self.rotation, focal_px=self.focal_px, height=self.height, width=self.width
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits:
    """What each pixel shows.

    Attributes:
        depth_m: (H, W) z-depth in metres, infinite where nothing is met.
        solid: (H, W) row of the solid table, 0 where nothing is met.
        face: (H, W) value of ``Face``.
    """

    depth_m: F32
    solid: NDArray[np.int16]
    face: NDArray[np.int8]


def pixel_bounds(points_NK3: NDArray[np.float64], view: View) -> NDArray[np.int64]:
    """Rectangles that hold the pictures of N convex hulls of K world points.

    (N, K, 3) metres -> (N, 4) whole pixels: top, bottom, left, right, half open; empty where nothing is ahead of the camera.
    """
    camera_NK3 = (points_NK3 - view.position_m) @ view.rotation
    ahead_NK = camera_NK3[..., 2] > NEAREST_M
    low, high = _outline(camera_NK3, ahead_NK)
    straddling = np.flatnonzero(ahead_NK.any(1) & ~ahead_NK.all(1))
    if straddling.size:
        passage_NE3, crosses_NE = _near_plane_passages(camera_NK3[straddling])
        more_low, more_high = _outline(passage_NE3, crosses_NE)
        low[straddling] = np.minimum(low[straddling], more_low)
        high[straddling] = np.maximum(high[straddling], more_high)
    size = np.array([view.width, view.height])
    begin = np.clip(np.floor(np.clip(low * view.focal_px, -1e6, 1e6) + size / 2 - 0.5), 0, size).astype(np.int64)
    end = np.clip(np.ceil(np.clip(high * view.focal_px, -1e6, 1e6) + size / 2 + 0.5), 0, size).astype(np.int64)
    return np.stack([begin[:, 1], end[:, 1], begin[:, 0], end[:, 0]], 1)


def _outline(points_NK3: NDArray[np.float64], counted_NK: NDArray[np.bool_]) -> tuple[NDArray[np.float64], ...]:
    """Least and greatest x/z and y/z (N, 2) over the counted points; the least is infinite where none counts."""
    plane = points_NK3[..., :2] / np.where(counted_NK, points_NK3[..., 2], 1.0)[..., None]
    counted = counted_NK[..., None]
    return np.where(counted, plane, np.inf).min(1), np.where(counted, plane, -np.inf).max(1)


def _near_plane_passages(camera_NK3: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Where the lines between any two of K points pass the near plane: they belong to the outline of what is seen."""
    z = camera_NK3[..., 2]
    first, second = np.triu_indices(z.shape[1], 1)
    crosses = (z[:, first] > NEAREST_M) != (z[:, second] > NEAREST_M)
    span = np.where(crosses, z[:, second] - z[:, first], 1.0)
    share = (NEAREST_M - z[:, first]) / span
    return camera_NK3[:, first] + share[..., None] * (camera_NK3[:, second] - camera_NK3[:, first]), crosses


def to_unit(matrix: NDArray[np.float64], vector_3X: F32) -> F32:
    """World vectors (3, ...), metres, turned and stretched by the (3, 3) matrix of an upright solid -> (3, ...), no unit."""
    unit = np.empty(vector_3X.shape, np.float32)
    for axis in range(3):
        np.multiply(vector_3X[axis], np.float32(matrix[axis, axis]), out=unit[axis])
    if matrix[0, 2]:
        unit[0] += vector_3X[2] * np.float32(matrix[0, 2])
        unit[2] += vector_3X[0] * np.float32(matrix[2, 0])
    return unit


def _dot(first: list[F32], second: list[F32]) -> F32:
    total = first[0] * second[0]
    for one, other in zip(first[1:], second[1:], strict=True):
        total = total + one * other
    return total


def crossings(shape: int, origin_3X: F32, direction_3X: F32) -> list[tuple[int, F32, F32]]:
    """Where lines cross the parts of a unit shape: (face, entry, exit) per part; inside the solid is inside all of them.

    A slab gives the entry and exit of the planes at -1 and +1, a round part those of the circle or ball of radius 1.
    Where a line misses a round part, its entry and exit are NaN.

    Args:
        shape: a value of ``Shape``.
        origin_3X, direction_3X: (3, ...) of the lines in the solid's unit frame, no unit; broadcast against each other.

    Returns:
        Entry and exit (...) per part, in lengths of ``direction_3X`` from the origin.
    """
    parts: list[tuple[int, F32, F32]] = []
    for axis in _SLABS[shape]:
        inverse = np.reciprocal(direction_3X[axis])
        middle = inverse * -origin_3X[axis]
        reach = np.abs(inverse, out=inverse)
        parts.append((axis, middle - reach, middle + reach))
    if shape in _ROUND:
        origins = [origin_3X[axis] for axis in _ROUND[shape]]
        directions = [direction_3X[axis] for axis in _ROUND[shape]]
        square = _dot(directions, directions)
        middle = _dot(directions, origins) / -square
        closest = [origin + middle * direction for origin, direction in zip(origins, directions, strict=True)]
        reach = np.sqrt((1 - _dot(closest, closest)) / square)
        parts.append((Face.CURVED, middle - reach, middle + reach))
    return parts


def _meet(shape: int, origin: F32, direction_3X: F32) -> tuple[F32, NDArray[np.bool_], list[tuple[int, F32]]]:
    """Ray parameter of the visible surface, where there is one, and the candidates that say which face it is."""
    parts = crossings(shape, origin, direction_3X)
    entry, leave = parts[0][1], parts[0][2]
    for _, part_entry, part_leave in parts[1:]:
        entry, leave = np.maximum(entry, part_entry), np.minimum(leave, part_leave)
    if shape == Shape.SHELL:
        return leave, leave > NEAREST_M, [(face, far) for face, _, far in parts]
    return entry, (entry <= leave) & (entry > NEAREST_M), [(face, near) for face, near, _ in parts]


def _draw(solids: SolidTable, row: int, position_m: NDArray[np.float64], rays_3HW: F32, hits: Hits) -> None:
    """Trace one solid along rays from ``position_m`` and keep it where it is nearer than what ``hits`` holds."""
    matrix = solids.unit_from_world[row]
    origin = (matrix @ (position_m - solids.centre_m[row])).astype(np.float32)[:, None, None]
    depth_m, met, candidates = _meet(int(solids.shape[row]), origin, to_unit(matrix, rays_3HW))
    met &= depth_m < hits.depth_m
    if not met.any():
        return
    np.copyto(hits.depth_m, depth_m, where=met)
    np.copyto(hits.solid, row, where=met, casting="unsafe")
    for face, value in candidates:
        np.copyto(hits.face, face, where=met & (value == depth_m), casting="unsafe")


def nearest_hits(solids: SolidTable, view: View) -> Hits:
    """Nearest surface of every pixel of a view, (H, W), metres; each solid is tried only where its picture can be."""
    return _trace(solids, view, view.rays, pixel_bounds(solids.corners_m(), view))


def nearest_depth_m(solids: SolidTable, view: View, rays_3HW: F32) -> F32:
    """(H, W) z-depth in metres, infinite where nothing is met, seen from the view's position along any rays (3, H, W)."""
    everywhere = np.tile([0, view.height, 0, view.width], (len(solids.shape), 1))
    return _trace(solids, view, rays_3HW, everywhere).depth_m


def _trace(solids: SolidTable, view: View, rays_3HW: F32, bounds_N4: NDArray[np.int64]) -> Hits:
    shape = (view.height, view.width)
    hits = Hits(depth_m=np.full(shape, np.inf, np.float32), solid=np.zeros(shape, np.int16), face=np.zeros(shape, np.int8))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for row, (top, bottom, left, right) in enumerate(bounds_N4.tolist()):
            if top < bottom and left < right:
                window = (slice(top, bottom), slice(left, right))
                part = Hits(depth_m=hits.depth_m[window], solid=hits.solid[window], face=hits.face[window])
                _draw(solids, row, view.position_m, rays_3HW[:, window[0], window[1]], part)
    return hits
