# SPDX-License-Identifier: Apache-2.0
"""metadata_camera_parameters.csv goes in; for each scene of Hypersim, what turns ray length into z-depth, and the camera.

Roberts et al. 2021, "Hypersim", and the file's documentation (apple/ml-hypersim, contrib/mikeroberts3000): M_cam_from_uv
times (u, v, 1) is the direction of a pixel, u and v from -1 to 1 over the picture, v upwards, camera looking along -z.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.camera import Camera
from leadline.contracts.errors import DataError
from leadline.data.nyu_list import read_text
from leadline.geometry.camera import intrinsic_matrix, resized_camera

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

CAMERAS_NAME = "metadata_camera_parameters.csv"
FIELD_OF_VIEW_DEG = 60.0
"""Horizontally, of every scene whose lens is neither shifted nor tilted: 886.81 px for 1024 columns."""

_LARGEST_MISS = 0.005
"""Of the picture's width.  A tilted lens is no pinhole camera; a miss of 5 px in 1024 is the most that passes for one."""

_FITTED_SIZE = (192, 256)

Rays = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class HypersimCamera:
    """The camera of one scene.

    Attributes:
        rays: the nine numbers of M_cam_from_uv, row by row.
    """

    rays: Rays

    def z_per_ray_length(self, height: int, width: int) -> NDArray[np.float32]:
        """(H, W) float32, the factor from distance to the optical centre to z-depth, at the centre of each pixel.

        >>> [f"{factor:.5f}" for factor in STANDARD.z_per_ray_length(768, 1024)[[0, 383, 383], [0, 0, 511]]]
        ['0.81119', '0.86624', '1.00000']
        """
        return _factors(self.rays, height, width)

    def pinhole(self, height: int, width: int) -> Camera | None:
        """The pinhole camera of pictures of this size in pixels, or None where the lens is so tilted that there is none.

        Exact for lenses that are only shifted.  For tilted ones the nearest, which sees no pixel more than half a percent of
        the width away from where it is.
        """
        matrix = _pinhole_matrix(self.rays)
        if matrix is None:
            return None
        return Camera(matrix=resized_camera(matrix, old_size=_FITTED_SIZE, new_size=(height, width)))


_ACROSS = math.tan(math.radians(FIELD_OF_VIEW_DEG) / 2)
STANDARD = HypersimCamera((_ACROSS, 0.0, 0.0, 0.0, _ACROSS * 0.75, 0.0, 0.0, 0.0, -1.0))
"""The camera of a scene that the file does not tell otherwise: pictures of 768x1024, nothing shifted or tilted."""


def read_cameras(path: Path) -> dict[str, HypersimCamera]:
    """Cameras by scene.

    Raises:
        DataError: unreadable, a column missing, or numbers that are no camera's (the scene is named).
    """
    names = [f"M_cam_from_uv_{row}{column}" for row in range(3) for column in range(3)]
    cameras: dict[str, HypersimCamera] = {}
    for entry in csv.DictReader(StringIO(read_text(path))):
        try:
            scene, rays = entry["scene_name"], tuple(float(entry[name]) for name in names)
            if not scene or not all(map(math.isfinite, rays)) or _directions(rays, 2, 2)[2].min() <= 0:
                raise ValueError(scene)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                expected=f"the columns scene_name and {names[0]} to {names[-1]}, a camera in each row",
                got=f"{path}, row of scene {entry.get('scene_name')!r}",
                remedy="take the file from the release",
            ) from error
        cameras[scene] = HypersimCamera(rays)
    return cameras


@lru_cache(maxsize=8)
def _factors(rays: Rays, height: int, width: int) -> NDArray[np.float32]:
    """Kept for the few scenes in turn that most pictures share: it takes longer than decoding the picture."""
    x, y, z = _directions(rays, height, width)
    factors = (z / np.sqrt(x * x + y * y + z * z)).astype(np.float32)
    factors.setflags(write=False)
    return factors


@lru_cache(maxsize=1024)
def _pinhole_matrix(rays: Rays) -> Tensor | None:
    """(3, 3) in pixels of a picture of ``_FITTED_SIZE``."""
    height, width = _FITTED_SIZE
    x, y, z = _directions(rays, height, width)
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    (fx, cx), (fy, cy) = _line(x / z, columns), _line(y / z, rows)
    miss = max(float(np.abs(fx * x / z + cx - columns).max()), float(np.abs(fy * y / z + cy - rows).max()))
    return None if miss > _LARGEST_MISS * width else intrinsic_matrix(focal_px=(fx, fy), centre_px=(cx, cy))


def _directions(rays: Rays, height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(H, W) each: x to the right, y down, z forward, of the ray through each pixel's centre, at no particular length."""
    u = (2 * (np.arange(width) + 0.5) / width - 1)[None, :]
    v = (1 - 2 * (np.arange(height) + 0.5) / height)[:, None]
    right, up, back = (a * u + b * v + c for a, b, c in (rays[:3], rays[3:6], rays[6:]))
    return right, -up, -back


def _line(tangents: NDArray[np.float64], pixels: NDArray[np.float64]) -> tuple[float, float]:
    """(focal length, centre) of ``pixels = focal * tangents + centre``, by least squares."""
    centred = tangents - tangents.mean()
    focal = float((centred * (pixels - pixels.mean())).sum() / (centred * centred).sum())
    return focal, float(pixels.mean() - focal * tangents.mean())
