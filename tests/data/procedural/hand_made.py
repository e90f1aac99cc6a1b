# SPDX-License-Identifier: Apache-2.0
"""A scene that can be computed by hand: one box on the ground before an upright camera."""

from __future__ import annotations

import numpy as np

from leadline.data.procedural.materials import Material, MaterialTable
from leadline.data.procedural.solids import Place, SceneBuilder, Shape, SolidTable
from leadline.data.procedural.tracing import View


def level_view(height: int = 60, width: int = 80, focal_px: float = 100.0) -> View:
    """Camera 1.5 m above the origin, looking along z, x right, y down."""
    rotation = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, 1]])
    return View(position_m=np.array([0, 1.5, 0]), rotation=rotation, focal_px=focal_px, height=height, width=width)


def one_solid(
    shape: Shape, centre: tuple[float, float, float], size: tuple[float, float, float], yaw: float = 0
) -> SolidTable:
    builder = SceneBuilder()
    builder.add(
        shape, Place(centre[0], 0, centre[2], yaw), (0, centre[1], 0), size, builder.paint(Material(colour=(1, 1, 1)))
    )
    return builder.tables()[0]


def ground_and_box() -> tuple[SolidTable, MaterialTable]:
    """Ground at y = 0; a box of 1x2x1 m whose front stands at z = 4, white above grey."""
    builder = SceneBuilder()
    ground = builder.paint(Material(colour=(0.3, 0.3, 0.3), grain=0.0))
    builder.background(Shape.BOX, (0, -1, 0), (100, 2, 100), (ground,) * 5)
    builder.box(Place(0, 0, 4.5), (0, 0, 0), (1, 2, 1), builder.paint(Material(colour=(0.9, 0.9, 0.9), grain=0.0)))
    return builder.tables()
