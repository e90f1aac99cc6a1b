# SPDX-License-Identifier: Apache-2.0
"""An equirectangular panorama and directions enter; what ordinary cameras inside it see, and where, leaves.

World axes are those of a camera that looks at the middle of the panorama: x right, y down, z forward.  Pixel (r, c) of an
H x W panorama sees longitude ``((c + 0.5) / W - 0.5) * 360`` degrees, growing to the right, and latitude
``(0.5 - (r + 0.5) / H) * 180`` degrees, growing upwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIELD_OF_VIEW_DEG = 100.0
"""Of each view, both ways.  The corners of an icosahedron leave no direction more than 37.4 degrees from a view's axis, so
that every one lies at least 12 degrees inside some view, and most lie in two or three."""
_RING_LATITUDE_DEG = math.degrees(math.atan(0.5))  # of an icosahedron with a corner at each pole


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A pinhole camera with a square picture at the panorama's centre.

    Attributes:
        axes: (3, 3) rows are the camera's right, down and forward in world axes.
    """

    axes: NDArray[np.float64]

    def plane(self, directions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where directions meet the picture.

        Args:
            directions: (N, 3) of length 1, world axes.

        Returns:
            (N, 2) right and down on the picture, whose borders are at -1 and 1, meaningless behind the camera; and (N,)
            cosine of the angle to the optical axis, z-depth over ray length.
        """
        seen = directions @ self.axes.T
        ahead = np.where(seen[:, 2] > 0, seen[:, 2], 1.0)
        half_width = math.tan(math.radians(FIELD_OF_VIEW_DEG / 2))
        return seen[:, :2] / (ahead * half_width)[:, None], seen[:, 2]

    def rays(self, side_px: int) -> NDArray[np.float64]:
        """(side_px, side_px, 3) directions of length 1 in world axes in which the pixels of its picture look."""
        half_width = math.tan(math.radians(FIELD_OF_VIEW_DEG / 2))
        across = ((np.arange(side_px) + 0.5) / side_px * 2 - 1) * half_width
        x, y = np.meshgrid(across, across)
        rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ self.axes
        unit: NDArray[np.float64] = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
        return unit


def all_views() -> list[View]:
    """Twelve views that look through the corners of an icosahedron: up, down and five at 26.6 degrees above and below.

    All but two are upright and see the horizon, as the pictures that networks are trained on.
    """
    ring = [(_RING_LATITUDE_DEG, 72.0 * step) for step in range(5)]
    lower = [(-_RING_LATITUDE_DEG, 72.0 * step + 36.0) for step in range(5)]
    return [_looking(latitude, longitude) for latitude, longitude in [(90.0, 0.0), *ring, *lower, (-90.0, 0.0)]]


def _looking(latitude_deg: float, longitude_deg: float) -> View:
    up, turn = math.radians(latitude_deg), math.radians(longitude_deg)
    forward = np.array([math.cos(up) * math.sin(turn), -math.sin(up), math.cos(up) * math.cos(turn)])
    right = np.array([math.cos(turn), 0.0, -math.sin(turn)])
    return View(axes=np.stack([right, np.cross(forward, right), forward]))


def panorama_directions(rows: slice, size: tuple[int, int]) -> NDArray[np.float64]:
    """(N, 3) directions of length 1, world axes, of the pixels in ``rows`` of a panorama of ``size`` (height, width).

    >>> panorama_directions(slice(0, 1), (1, 1)).round(9).astype(int).tolist()
    [[0, 0, 1]]
    """
    height, width = size
    latitude = (0.5 - (np.arange(rows.start, rows.stop) + 0.5) / height) * math.pi
    longitude = ((np.arange(width) + 0.5) / width - 0.5) * 2 * math.pi
    level = np.cos(latitude)[:, None]
    x, z = level * np.sin(longitude), level * np.cos(longitude)
    y = np.broadcast_to(-np.sin(latitude)[:, None], x.shape)
    return np.stack([x, y, z], axis=-1).reshape(-1, 3)


def even_directions(count: int) -> NDArray[np.float64]:
    """(count, 3) directions spread evenly over the sphere (a Fibonacci lattice)."""
    y = 1 - (2 * np.arange(count) + 1) / count
    turn = np.arange(count) * math.pi * (3 - math.sqrt(5))
    level = np.sqrt(1 - y * y)
    return np.stack([level * np.sin(turn), y, level * np.cos(turn)], axis=-1)


def rendered(panorama: NDArray[np.uint8], view: View, side_px: int) -> NDArray[np.uint8]:
    """(side_px, side_px, 3): what the view sees of an (H, W, 3) panorama, bilinear, across the rim where left meets right.

    Shrink a panorama first that is much finer than the view; nothing is averaged here.
    """
    height, width = panorama.shape[:2]
    rays = view.rays(side_px)
    column = (np.arctan2(rays[..., 0], rays[..., 2]) / (2 * math.pi) + 0.5) * width - 0.5
    row = np.clip((0.5 + np.arcsin(np.clip(rays[..., 1], -1, 1)) / math.pi) * height - 0.5, 0, height - 1)
    left, top = np.floor(column).astype(np.intp), np.floor(row).astype(np.intp)
    right_share, lower_share = (column - left)[..., None], (row - top)[..., None]
    lower = np.minimum(top + 1, height - 1)
    upper_row, lower_row = (
        panorama[r, left % width] * (1 - right_share) + panorama[r, (left + 1) % width] * right_share for r in (top, lower)
    )
    levels: NDArray[np.float64] = upper_row * (1 - lower_share) + lower_row * lower_share
    return np.rint(levels).astype(np.uint8)


def sampled(values: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bilinear samples of an (S, S) map at (N, 2) places on the picture (right and down, borders at -1 and 1); (N,).

    Beyond the outermost pixel centres the map goes on level.

    >>> sampled(np.array([[0.0, 1.0], [2.0, 3.0]], np.float32), np.array([[0.0, 0.0], [-1.0, -1.0]])).tolist()
    [1.5, 0.0]
    """
    side = values.shape[0]
    place = np.clip((places.astype(np.float32) + 1) / 2 * side - 0.5, 0, side - 1)
    first = np.minimum(place.astype(np.intp), max(side - 2, 0))
    share, (column, row) = (place - first).T, first.T
    column_2, row_2 = np.minimum(column + 1, side - 1), np.minimum(row + 1, side - 1)
    upper = values[row, column] * (1 - share[0]) + values[row, column_2] * share[0]
    lower = values[row_2, column] * (1 - share[0]) + values[row_2, column_2] * share[0]
    result: NDArray[np.float32] = upper * (1 - share[1]) + lower * share[1]
    return result
