# SPDX-License-Identifier: Apache-2.0
"""Hits of a view enter; the position, normal, material and surface coordinates of every pixel leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leadline.data.procedural.solids import Face, Shape, SolidTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.data.procedural.tracing import Hits, View

    F32 = NDArray[np.float32]

_STEEPEST_COSINE = 0.08


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """Geometry under each pixel; meaningless where ``seen`` is false (sky).

    Attributes:
        seen: (H, W) true where a solid is met.
        solid: (H, W) row of the solid table.
        point_m, normal: (3, H, W) world position in metres and unit normal towards the camera's side.
        material: (H, W) row of the material table.
        u_m, v_m: (H, W) coordinates along the surface, metres; v is the height above ground on upright faces.
        footprint_m: (H, W) extent of the pixel on the surface, metres, longer where it is seen at a slant.
    """

    seen: NDArray[np.bool_]
    solid: NDArray[np.int16]
    point_m: F32
    normal: F32
    material: NDArray[np.int32]
    u_m: F32
    v_m: F32
    footprint_m: F32


def _turned(cosine: F32, sine: F32, x: F32, z: F32) -> tuple[F32, F32]:
    """Horizontal world components in the frame of each pixel's solid; with ``-sine`` the way back."""
    return cosine * x + sine * z, cosine * z - sine * x


def _normals(face: NDArray[np.int8], local_x: F32, local_y: F32, local_z: F32) -> list[F32]:
    """Local normals of flat faces: against the ray, along the face's axis."""
    zero = np.float32(0)
    x = np.where(face == Face.SIDE_X, -np.sign(local_x), zero)
    y = np.where(face == Face.TOP, -np.sign(local_y), zero)
    z = np.where(face == Face.SIDE_Z, -np.sign(local_z), zero)
    return [x, y, z]


def _bend(solids: SolidTable, solid: NDArray[np.int64], local_3P: F32) -> tuple[F32, F32]:
    """Normals (3, P) of points on round parts, and their surface coordinate around the axis in metres."""
    half_3P = solids.half_m.T.astype(np.float32)[:, solid]
    normal_3P = local_3P / (half_3P * half_3P)
    shape = solids.shape[solid]
    normal_3P[1][shape == Shape.COLUMN] = 0
    normal_3P[0][shape == Shape.BEAM] = 0
    normal_3P /= np.sqrt((normal_3P * normal_3P).sum(0))
    return normal_3P, np.arctan2(local_3P[2], local_3P[0]) * half_3P[0]


def surface_of(solids: SolidTable, view: View, hits: Hits) -> Surface:
    """The surface that each pixel of ``view`` shows, from its ``hits`` (H, W); shapes and units as in ``Surface``."""
    rays, solid, face = view.rays, hits.solid, hits.face
    seen = np.isfinite(hits.depth_m)
    depth_m = np.where(seen, hits.depth_m, np.float32(1))
    point = rays * depth_m
    point += view.position_m.astype(np.float32)[:, None, None]
    cosine, sine = solids.cosine.astype(np.float32)[solid], solids.sine.astype(np.float32)[solid]
    centre = solids.centre_m.astype(np.float32)
    local_x, local_z = _turned(cosine, sine, point[0] - centre[:, 0][solid], point[2] - centre[:, 2][solid])
    ray_x, ray_z = _turned(cosine, sine, rays[0], rays[2])
    normal = _normals(face, ray_x, rays[1], ray_z)
    u_m = np.where(face == Face.SIDE_X, local_z, local_x)
    v_m = np.where(face == Face.TOP, local_z, point[1])
    round_at = np.nonzero(face == Face.CURVED)
    if round_at[0].size:
        rows = solid[round_at].astype(np.int64)
        local_3P = np.stack([local_x[round_at], point[1][round_at] - centre[:, 1][rows], local_z[round_at]])
        bent, u_m[round_at] = _bend(solids, rows, local_3P)
        for axis in range(3):
            normal[axis][round_at] = bent[axis]
    normal[0], normal[2] = _turned(cosine, -sine, normal[0], normal[2])
    facing = -(normal[0] * rays[0] + normal[1] * rays[1] + normal[2] * rays[2])
    footprint_m = depth_m / (np.maximum(facing, np.float32(_STEEPEST_COSINE)) * np.float32(view.focal_px))
    code = np.where((face == Face.TOP) & (rays[1] > 0), np.int8(Face.UNDERSIDE), face)
    return Surface(
        seen=seen,
        solid=solid,
        point_m=point,
        normal=np.stack(normal),
        material=solids.materials[solid, code],
        u_m=u_m,
        v_m=v_m,
        footprint_m=footprint_m,
    )
