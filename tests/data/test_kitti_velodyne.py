# SPDX-License-Identifier: Apache-2.0
"""LiDAR sweeps: pixels, the nearest of several points, both distances, the reference's twin pixels; broken files."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from leadline.contracts.errors import DataError
from leadline.data.kitti_velodyne import project_sweep, read_sweep
from tests.shared_paths import shared

AHEAD = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, -0.27]])
"""Camera axes from LiDAR axes, 0.27 m apart."""


def camera(focal: float, column: float, row: float) -> NDArray[np.float64]:
    intrinsics = np.array([[focal, 0, column], [0, focal, row], [0, 0, 1]])
    product: NDArray[np.float64] = intrinsics @ AHEAD
    return product


def at(column: float, row: float, z: float) -> list[float]:
    """The LiDAR point of which a camera of focal length 1 and centre 0 sees z at (column, row)."""
    return [z + 0.27, -column * z, -row * z, 0.5]


def test_sweep__pixels_are_rounded_and_moved_by_one() -> None:
    points = np.array([at(1, 1, 4.0), at(4.4, 2.6, 8.0), at(9, 3, 2.0), at(0.4, 1, 3.0), at(10, 1, 3.0)], np.float32)
    depth_m = project_sweep(points, camera(1, 0, 0), (3, 9), distance_of="camera")
    assert depth_m.dtype == np.float32
    assert depth_m.shape == (3, 9)
    found = {(int(row), int(column)): float(depth_m[row, column]) for row, column in np.argwhere(depth_m)}
    assert found == {(0, 0): pytest.approx(4.0), (2, 3): pytest.approx(8.0), (2, 8): pytest.approx(2.0)}


def test_sweep__the_nearest_point_of_a_pixel_counts_whatever_the_order() -> None:
    points = np.array([at(3, 2, 9.0), at(3.1, 2, 4.0), at(3, 2.2, 6.0)], np.float32)
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        depth_m = project_sweep(points[order], camera(1, 0, 0), (4, 9), distance_of="camera")
        assert depth_m[1, 2] == pytest.approx(4.0, abs=1e-5)
        assert np.count_nonzero(depth_m) == 1


def test_sweep__lidar_distance_is_what_the_raw_protocol_takes() -> None:
    points = np.array([at(3, 2, 9.0)], np.float32)
    near, far = (project_sweep(points, camera(1, 0, 0), (4, 9), distance_of=kind)[1, 2] for kind in ("camera", "lidar"))
    assert (near, far) == (pytest.approx(9.0, abs=1e-5), pytest.approx(9.27, abs=1e-5))


def test_sweep__what_lies_behind_is_dropped() -> None:
    points = np.array(
        [[-1.0, 3.0, 2.0, 0.5], [0.1, 0.17 * 3, 0.17 * 2, 0.5]], np.float32
    )  # the second: before the LiDAR only
    assert not project_sweep(points, camera(1, 0, 0), (4, 9), distance_of="camera").any()


def by_the_book(points: NDArray[np.float32], projection: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """The rules of the Eigen protocol one point after the other."""
    depth, places = np.zeros(size), defaultdict(list)
    for x, y, z, _ in points.astype(np.float64):
        if x < 0:
            continue
        u, v, w = projection @ np.array([x, y, z, 1.0])
        column, row = int(np.round(u / w)) - 1, int(np.round(v / w)) - 1
        if 0 <= column < size[1] and 0 <= row < size[0]:
            depth[row, column] = w
            places[row * (size[1] - 1) + column - 1].append((row, column, w))
    for twins in places.values():
        if len(twins) > 1:
            depth[twins[0][:2]] = min(w for _, _, w in twins)
    depth[depth < 0] = 0
    return depth


def test_sweep__agrees_with_the_rules_point_by_point() -> None:
    random = np.random.default_rng(5)
    points = np.stack([random.uniform(-2, 30, 6000), *random.uniform(-15, 15, (2, 6000)), np.zeros(6000)], 1)
    points = points.astype(np.float32)
    projection = camera(12.0, 20, 10)
    depth_m = project_sweep(points, projection, (20, 40), distance_of="camera")
    assert np.count_nonzero(depth_m) > 500
    np.testing.assert_allclose(depth_m, by_the_book(points, projection, (20, 40)), rtol=1e-6)


def test_sweep__the_last_pixel_of_a_row_and_the_first_of_the_next_are_twins() -> None:
    points = np.array([at(9, 1, 7.0), at(1, 2, 3.0)], np.float32)  # row 0, column 8 and row 1, column 0 of a width of 9
    depth_m = project_sweep(points, camera(1, 0, 0), (4, 9), distance_of="camera")
    assert depth_m[0, 8] == pytest.approx(3.0, abs=1e-5)
    assert depth_m[1, 0] == pytest.approx(3.0, abs=1e-5)


def test_sweep__of_a_real_street_gives_the_known_depths() -> None:
    folder = shared("data/kitti_lidar/training")
    lines = dict(line.split(":") for line in (folder / "calib/000001.txt").read_text().splitlines() if ":" in line)
    p2, r0, tr = (np.array(lines[name].split(), float) for name in ("P2", "R0_rect", "Tr_velo_to_cam"))
    rectify, move = np.eye(4), np.eye(4)
    rectify[:3, :3], move[:3] = r0.reshape(3, 3), tr.reshape(3, 4)
    depth_m = project_sweep(
        read_sweep(folder / "velodyne/000001.bin"), p2.reshape(3, 4) @ rectify @ move, (375, 1242), distance_of="camera"
    )
    seen = depth_m[depth_m > 0]
    assert seen.size == pytest.approx(18600, rel=0.01)  # checks.json, which rounds without moving by one
    assert np.median(seen) == pytest.approx(12.509, rel=0.01)
    assert seen.min() == pytest.approx(4.77056, rel=0.01)


def test_read_sweep__refuses_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "0.bin"
    for stored in (b"", b"x" * 20):
        path.write_bytes(stored)
        with pytest.raises(DataError, match=f"of {len(stored)} bytes"):
            read_sweep(path)
    with pytest.raises(DataError, match="No such file"):
        read_sweep(tmp_path / "1.bin")
    path.write_bytes(np.arange(8, dtype="<f4").tobytes())
    assert read_sweep(path).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
