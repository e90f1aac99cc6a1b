# SPDX-License-Identifier: Apache-2.0
"""Tracing: hand-computed depths, every shape against its equation, bounding rectangles lose nothing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from leadline.data.procedural.rendering import Scene, view_of
from leadline.data.procedural.rooms import build_room
from leadline.data.procedural.solids import Face, Shape
from leadline.data.procedural.streets import build_street
from leadline.data.procedural.tracing import nearest_depth_m, nearest_hits, pixel_bounds
from leadline.data.procedural.yards import build_yard
from tests.data.procedural.hand_made import ground_and_box, level_view, one_solid


def test_nearest_hits__of_a_hand_computed_scene() -> None:
    solids, _ = ground_and_box()
    hits = nearest_hits(solids, level_view())
    # The front is 4 m away and 1 m wide: 100 px / 4 = 25 px per metre, columns 27.5 to 52.5 of 80; its top is at
    # 0.5 m above the camera, row 30 - 12.5 = 17.5; its base at 1.5 m below, row 30 + 37.5 = 67.5, outside.
    front = np.zeros((60, 80), bool)
    front[18:, 28:52] = True
    assert np.allclose(hits.depth_m[front], 4.0, rtol=1e-6)
    assert (hits.solid[front] == 1).all()
    assert (hits.face[front] == Face.SIDE_Z).all()
    # Elsewhere the ground: z = 1.5 * focal / rows below the horizon; nothing above the horizon.
    row = np.arange(60) + 0.5
    beside = np.ones((60, 80), bool)
    beside[17:, 27:53] = False
    beside[:31] = False
    expected = np.broadcast_to((1.5 * 100 / np.maximum(row - 30, 1e-9))[:, None], (60, 80))
    near = beside & (expected < 45)
    assert np.allclose(hits.depth_m[near], expected[near], rtol=1e-5)
    assert (hits.face[near] == Face.TOP).all()
    assert np.isinf(hits.depth_m[:17]).all()


def test_nearest_hits__of_a_wall_facing_the_camera_have_one_z_depth() -> None:
    solids = one_solid(Shape.BOX, (0, 0, 6.5), (60, 60, 1))
    depth_m = nearest_hits(solids, level_view(focal_px=40)).depth_m
    assert np.ptp(depth_m) < 1e-5  # the ray to the corner is 1.6 times as long
    assert np.allclose(depth_m, 6.0, rtol=1e-6)


def points(depth_m: NDArray[np.float32], focal_px: float = 100.0) -> NDArray[np.float64]:
    """(3, P) world positions of what ``level_view`` sees."""
    row, column = np.nonzero(np.isfinite(depth_m))
    z = depth_m[row, column].astype(np.float64)
    x, y = (column + 0.5 - 40) * z / focal_px, 1.5 - (row + 0.5 - 30) * z / focal_px
    return np.stack([x, y, z])


def test_ball__hits_satisfy_its_equation() -> None:
    hits = nearest_hits(one_solid(Shape.BALL, (0.2, 1.4, 5), (2, 1.6, 1.2), yaw=0.0), level_view())
    x, y, z = points(hits.depth_m)
    assert len(x) > 500
    assert np.allclose(((x - 0.2) / 1) ** 2 + ((y - 1.4) / 0.8) ** 2 + ((z - 5) / 0.6) ** 2, 1, atol=1e-4)
    assert (z <= 5.01).all()


@pytest.mark.parametrize("shape", [Shape.COLUMN, Shape.BEAM])
def test_cylinder__hits_lie_on_its_side_or_its_ends(shape: Shape) -> None:
    yaw = 0.6
    hits = nearest_hits(one_solid(shape, (0.1, 0.8, 4), (0.8, 0.8, 0.8), yaw), level_view())
    x, y, z = points(hits.depth_m)
    along_x = np.cos(yaw) * (x - 0.1) + np.sin(yaw) * (z - 4)
    along_z = np.cos(yaw) * (z - 4) - np.sin(yaw) * (x - 0.1)
    across, axis = ((along_x, along_z), y - 0.8) if shape is Shape.COLUMN else ((y - 0.8, along_z), along_x)
    radius = np.hypot(*across)
    curved = hits.face[np.isfinite(hits.depth_m)] == Face.CURVED
    assert curved.any()
    assert (~curved).any()
    assert np.allclose(radius[curved], 0.4, atol=1e-4)
    assert np.allclose(np.abs(axis[~curved]), 0.4, atol=1e-4)
    assert (radius < 0.4001).all()
    assert (np.abs(axis) < 0.4001).all()


def test_shell__is_seen_from_inside() -> None:
    hits = nearest_hits(one_solid(Shape.SHELL, (0, 1.5, 2), (6, 3, 8)), level_view())
    x, y, z = points(hits.depth_m)
    assert np.isfinite(hits.depth_m).all()
    distance = np.stack([np.abs(x) - 3, np.abs(y - 1.5) - 1.5, np.abs(z - 2) - 4])
    assert np.allclose(distance.max(0), 0, atol=1e-5)


def test_turned_box__is_where_its_yaw_puts_it() -> None:
    hits = nearest_hits(one_solid(Shape.BOX, (0, 1.5, 5), (2, 2, 1), yaw=np.pi / 2), level_view())
    assert hits.depth_m[30, 40] == pytest.approx(4.0, rel=1e-6)  # its long side now points at the camera
    assert np.isfinite(hits.depth_m[30]).sum() in {24, 25, 26}  # 1 m at 4 m is 25 px, both borders on pixel centres


@pytest.mark.parametrize("build", [build_room, build_street, build_yard])
def test_nearest_hits__loses_nothing_to_the_bounding_rectangles(build: Callable[[Random], Scene]) -> None:
    for seed in range(3):
        scene = build(Random(seed))
        view = view_of(scene.pose, 48, 64)
        everywhere = nearest_depth_m(scene.solids, view, view.rays)
        assert np.array_equal(nearest_hits(scene.solids, view).depth_m, everywhere)


def test_pixel_bounds__hold_the_picture_of_a_box_that_passes_the_camera() -> None:
    solids = one_solid(Shape.BOX, (1.0, 0.5, 0), (0.5, 1, 20))
    top, bottom, left, right = pixel_bounds(solids.corners_m(), level_view())[0].tolist()
    assert top == pytest.approx(30 + 100 * 0.5 / 10, abs=1)
    assert bottom == 60
    assert right == 80
    assert left == pytest.approx(40 + 100 * 0.75 / 10, abs=1)
    behind = one_solid(Shape.BOX, (0, 1, -5), (1, 1, 1))
    top, bottom, left, right = pixel_bounds(behind.corners_m(), level_view())[0].tolist()
    assert top >= bottom or left >= right


def test_pixel_bounds__leave_half_a_pixel_and_no_more() -> None:
    # Front 4 m away, 25 px per metre, the optical axis at column 40 and row 30: columns 40 + 7.5 -+ 12.7 = 34.8 to 60.2,
    # rows 30 - 5 -+ 10.2 = 14.8 to 35.2.  Half a pixel outwards, then to whole ones; the back is smaller, inside.
    solid = one_solid(Shape.BOX, (0.3, 1.7, 4.5), (1.016, 0.816, 1.0))
    assert pixel_bounds(solid.corners_m(), level_view())[0].tolist() == [14, 36, 34, 61]
    wider = one_solid(Shape.BOX, (0.3, 1.7, 4.5), (1.048, 0.848, 1.0))  # columns 34.4 to 60.6, rows 14.4 to 35.6
    assert pixel_bounds(wider.corners_m(), level_view())[0].tolist() == [13, 37, 33, 62]


@pytest.mark.parametrize(("x_m", "y_m"), [(-50.0, 1.5), (50.0, 1.5), (0.0, -50.0), (0.0, 50.0)])
def test_pixel_bounds__are_empty_beside_the_picture(x_m: float, y_m: float) -> None:
    solid = one_solid(Shape.BOX, (x_m, y_m, 4.5), (1, 1, 1))
    top, bottom, left, right = pixel_bounds(solid.corners_m(), level_view())[0].tolist()
    assert top == bottom or left == right
    assert 0 <= top <= bottom <= 60
    assert 0 <= left <= right <= 80


def test_rays_shifted__point_left_of_the_pixel_centres() -> None:
    view = level_view()
    shifted = view.rays_shifted(np.full((60, 80), 3.0, np.float32))
    assert np.allclose(shifted[:, :, 3:], view.rays[:, :, :-3], atol=1e-6)
    assert np.allclose(view.rays[:, 29, 40], [0.005, 0.005, 1])


def test_nearest_hits__of_something_closer_than_an_arm() -> None:
    hits = nearest_hits(one_solid(Shape.BOX, (0, 1.5, 0.4), (0.1, 0.1, 0.2)), level_view())
    assert hits.depth_m[30, 40] == pytest.approx(0.3, rel=1e-6)
