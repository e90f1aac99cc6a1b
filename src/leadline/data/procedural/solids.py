# SPDX-License-Identifier: Apache-2.0
"""Builders say which solids stand where and what they are made of; a table of arrays leaves, ready for tracing.

World frame of every scene: x to the right, y up, z ahead, metres; the ground is y = 0, the camera is above the origin.
A solid is a unit shape (cube, ball, cylinder) stretched by half extents, turned about the vertical and moved to its centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from leadline.data.procedural.materials import Material, MaterialTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

Triple = tuple[float, float, float]


class Shape(IntEnum):
    """What the unit solid looks like before stretching."""

    BOX = 0
    SHELL = 1  # a box seen from inside: the walls, floor and ceiling of a room
    BALL = 2
    COLUMN = 3  # upright cylinder
    BEAM = 4  # cylinder lying along local x


class Face(IntEnum):
    """Which part of a solid a ray met; each may have a material of its own."""

    SIDE_X = 0
    TOP = 1
    SIDE_Z = 2
    CURVED = 3
    UNDERSIDE = 4


@dataclass(frozen=True, kw_only=True)
class SolidTable:
    """N solids as arrays.

    Attributes:
        shape: (N,) values of ``Shape``.
        centre_m: (N, 3) world position, metres.
        half_m: (N, 3) half extents along the local axes, metres.
        cosine, sine: (N,), no unit, of the yaw that turns local x towards world z.
        materials: (N, 5) row of the material table for each ``Face``.
        casts: (N,) bool, true where the solid darkens what is near it or behind it.
    """

    shape: NDArray[np.int8]
    centre_m: NDArray[np.float64]
    half_m: NDArray[np.float64]
    cosine: NDArray[np.float64]
    sine: NDArray[np.float64]
    materials: NDArray[np.int32]
    casts: NDArray[np.bool_]

    @cached_property
    def unit_from_world(self) -> NDArray[np.float64]:
        """(N, 3, 3), per metre: turns and stretches each solid into a unit shape; the centre is subtracted before."""
        matrix = np.zeros((len(self.shape), 3, 3))
        matrix[:, 0, 0] = matrix[:, 2, 2] = self.cosine
        matrix[:, 0, 2], matrix[:, 2, 0], matrix[:, 1, 1] = self.sine, -self.sine, 1.0
        unit: NDArray[np.float64] = matrix / self.half_m[:, :, None]
        return unit

    def corners_m(self) -> NDArray[np.float64]:
        """(N, 8, 3) world positions in metres of the corners of every bounding box."""
        local_N83 = _UNIT_CORNERS[None] * self.half_m[:, None]
        x, z = local_N83[..., 0], local_N83[..., 2]
        cosine, sine = self.cosine[:, None], self.sine[:, None]
        turned_N83 = np.stack([cosine * x - sine * z, local_N83[..., 1], sine * x + cosine * z], -1)
        corners: NDArray[np.float64] = turned_N83 + self.centre_m[:, None]
        return corners


_UNIT_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)


@dataclass(frozen=True, slots=True)
class Place:
    """A spot to build on: position of its local origin and the yaw of everything built there."""

    x_m: float
    y_m: float
    z_m: float
    yaw: float = 0.0

    def at(self, offset_m: Triple) -> Triple:
        """World position of a point given in the local frame of this place."""
        cosine, sine = math.cos(self.yaw), math.sin(self.yaw)
        x, y, z = offset_m
        return self.x_m + cosine * x - sine * z, self.y_m + y, self.z_m + sine * x + cosine * z


class SceneBuilder:
    """Collects solids and materials of one scene."""

    def __init__(self) -> None:
        self._materials: list[Material] = []
        self._rows: list[tuple[float, ...]] = []

    def paint(self, material: Material) -> int:
        """Register a material; the number that comes back is what ``add`` takes."""
        self._materials.append(material)
        return len(self._materials) - 1

    def add(self, shape: Shape, place: Place, offset_m: Triple, size_m: Triple, material: int) -> None:
        """Put one solid of full size ``size_m`` with its centre at ``offset_m`` of ``place``."""
        self._append(shape, place.at(offset_m), size_m, place.yaw, (material,) * 5)

    def box(self, place: Place, offset_m: Triple, size_m: Triple, material: int) -> None:
        """A box whose *base* centre is at ``offset_m`` of ``place``."""
        x, y, z = offset_m
        self.add(Shape.BOX, place, (x, y + size_m[1] / 2, z), size_m, material)

    def column(self, place: Place, offset_m: Triple, size_m: tuple[float, float], material: int) -> None:
        """An upright cylinder of (diameter, height) whose base centre is at ``offset_m`` of ``place``."""
        x, y, z = offset_m
        diameter, height = size_m
        self.add(Shape.COLUMN, place, (x, y + height / 2, z), (diameter, height, diameter), material)

    def background(self, shape: Shape, centre_m: Triple, size_m: Triple, faces: tuple[int, int, int, int, int]) -> None:
        """A large solid that receives shadows and casts none: ground or room, one material per ``Face``."""
        self._append(shape, centre_m, size_m, 0.0, faces, casts=False)

    def _append(
        self, shape: Shape, centre_m: Triple, size_m: Triple, yaw: float, faces: tuple[int, ...], *, casts: bool = True
    ) -> None:
        half_m = (size_m[0] / 2, size_m[1] / 2, size_m[2] / 2)
        self._rows.append((shape, *centre_m, *half_m, math.cos(yaw), math.sin(yaw), *faces, casts))

    def tables(self) -> tuple[SolidTable, MaterialTable]:
        """All N solids and M materials so far, at least one solid; shapes and units as in the two tables."""
        rows = np.array(self._rows, np.float64)
        table = SolidTable(
            shape=rows[:, 0].astype(np.int8),
            centre_m=rows[:, 1:4],
            half_m=rows[:, 4:7],
            cosine=rows[:, 7],
            sine=rows[:, 8],
            materials=rows[:, 9:14].astype(np.int32),
            casts=rows[:, 14] > 0,
        )
        return table, MaterialTable.of(self._materials)
