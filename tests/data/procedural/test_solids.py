# SPDX-License-Identifier: Apache-2.0
"""Solids: places, corners and unit frames agree with each other."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.data.procedural.materials import Material
from leadline.data.procedural.solids import Place, SceneBuilder, Shape


def test_place__turns_local_x_towards_world_z() -> None:
    assert Place(1, 2, 3, np.pi / 2).at((1, 0, 0)) == pytest.approx((1, 2, 4))
    assert Place(1, 2, 3, np.pi / 2).at((0, 0.5, 1)) == pytest.approx((0, 2.5, 3))


def test_builder__stands_boxes_and_columns_on_their_base() -> None:
    builder = SceneBuilder()
    paint = builder.paint(Material(colour=(1, 1, 1)))
    builder.box(Place(5, 1, 6), (0, 0.5, 0), (1, 2, 4), paint)
    builder.column(Place(0, 0, 3), (0, 0, 0), (0.2, 3), paint)
    builder.background(Shape.BOX, (0, -1, 0), (9, 2, 9), (paint,) * 5)
    table, materials = builder.tables()
    assert table.centre_m[0].tolist() == [5, 2.5, 6]
    assert table.half_m[:2].tolist() == [[0.5, 1, 2], [0.1, 1.5, 0.1]]
    assert table.centre_m[1, 1] == 1.5
    assert table.shape.tolist() == [Shape.BOX, Shape.COLUMN, Shape.BOX]
    assert table.casts.tolist() == [True, True, False]
    assert materials.glow.shape == (1,)


def test_unit_frame__takes_the_corners_of_a_turned_solid_to_plus_and_minus_one() -> None:
    builder = SceneBuilder()
    builder.add(Shape.BOX, Place(2, 0, 5, 0.7), (1, 1, -1), (3, 1, 0.5), builder.paint(Material(colour=(1, 1, 1))))
    table, _ = builder.tables()
    unit = np.einsum("ij,kj->ki", table.unit_from_world[0], table.corners_m()[0] - table.centre_m[0])
    assert np.allclose(np.abs(unit), 1)
    assert len({tuple(np.sign(corner)) for corner in unit}) == 8
