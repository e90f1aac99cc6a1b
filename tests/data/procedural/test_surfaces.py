# SPDX-License-Identifier: Apache-2.0
"""Surfaces: positions, normals, coordinates and footprints of a hand-made scene."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from leadline.data.procedural.rendering import view_of
from leadline.data.procedural.solids import Shape
from leadline.data.procedural.surfaces import surface_of
from leadline.data.procedural.tracing import nearest_hits
from leadline.data.procedural.yards import build_yard
from tests.data.procedural.hand_made import ground_and_box, level_view, one_solid


def test_surface_of__a_box_on_the_ground() -> None:
    solids, _ = ground_and_box()
    view = level_view()
    surface = surface_of(solids, view, nearest_hits(solids, view))
    assert surface.normal[:, 40, 40] == pytest.approx([0, 0, -1])
    assert surface.point_m[:, 40, 40] == pytest.approx([0.02, 1.5 - 10.5 * 0.04, 4], abs=1e-5)
    assert surface.v_m[40, 40] == pytest.approx(1.5 - 10.5 * 0.04, abs=1e-5)  # height above the ground
    assert surface.footprint_m[40, 40] == pytest.approx(0.04, rel=1e-5)
    assert surface.normal[:, 59, 5] == pytest.approx([0, 1, 0])
    assert surface.point_m[1, 59, 5] == pytest.approx(0, abs=1e-5)
    assert not surface.seen[5].any()


def test_surface_of__a_turned_ball_has_outward_normals() -> None:
    solids, view = one_solid(Shape.BALL, (0, 1.5, 4), (1, 1, 1), yaw=0.8), level_view()
    surface = surface_of(solids, view, nearest_hits(solids, view))
    outward = (surface.point_m - np.array([0, 1.5, 4])[:, None, None]) / 0.5
    assert np.allclose(surface.normal[:, surface.seen], outward[:, surface.seen], atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_surface_of__any_scene_has_unit_normals_towards_the_camera(seed: int) -> None:
    scene = build_yard(Random(seed))
    view = view_of(scene.pose, 48, 64)
    surface = surface_of(scene.solids, view, nearest_hits(scene.solids, view))
    normal, rays = surface.normal[:, surface.seen], view.rays[:, surface.seen]
    assert np.allclose((normal**2).sum(0), 1, atol=1e-4)
    assert ((normal * rays).sum(0) < 1e-3).all()
    assert np.isfinite(surface.footprint_m).all()
