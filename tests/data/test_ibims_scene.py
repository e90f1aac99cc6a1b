# SPDX-License-Identifier: Apache-2.0
"""Planes come out one by one, with the stored normal or the one their true depth shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from leadline.data.frame import pinhole
from leadline.data.ibims_scene import IbimsScene, planes_of, usable_calibration

HEIGHT, WIDTH, FOCAL = 40, 60, 50.0
CAMERA = pinhole(focal_px=(FOCAL, FOCAL), centre_px=(30.0, 20.0))
NORMAL = np.array([0.48, -0.6, 0.64])


def scene(normals: dict[str, np.ndarray], valid: np.ndarray | None = None) -> IbimsScene:
    """A slanted plane n . X = 3 m under label 2 of "table"."""
    x = (np.arange(WIDTH) + 0.5 - 30.0) / FOCAL
    y = (np.arange(HEIGHT) + 0.5 - 20.0) / FOCAL
    depth = (3.0 / (NORMAL[0] * x[None] + NORMAL[1] * y[:, None] + NORMAL[2])).astype(np.float32)
    labels = np.zeros((HEIGHT, WIDTH), np.int32)
    labels[10:30, 20:50] = 2
    good = np.ones((HEIGHT, WIDTH), np.bool_) if valid is None else valid
    calibration = (FOCAL, FOCAL, 30.5, 20.5)
    return IbimsScene(np.zeros((HEIGHT, WIDTH, 3), np.uint8), depth, good, calibration, None, {"table": labels}, normals)


def test_planes_of__fits_the_normal_of_a_slanted_plane() -> None:
    (plane,) = planes_of(scene({}), CAMERA)
    assert plane.kind == "table"
    assert int(plane.mask.sum()) == 600
    assert abs(float(plane.normal @ torch.from_numpy(NORMAL))) > 1 - 1e-9


def test_planes_of__does_not_read_invalid_depth() -> None:
    spoiled = scene({}, valid=np.arange(WIDTH)[None].repeat(HEIGHT, 0) % 2 == 0)
    spoiled.depth_m[~spoiled.valid] = np.nan
    (plane,) = planes_of(spoiled, CAMERA)
    assert abs(float(plane.normal @ torch.from_numpy(NORMAL))) > 1 - 1e-9


def test_planes_of__prefers_the_stored_normal_of_its_label() -> None:
    stored = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    (plane,) = planes_of(scene({"table": stored}), CAMERA)
    assert plane.normal.tolist() == [0, 1, 0]


def test_planes_of__leaves_out_a_plane_nobody_measured() -> None:
    assert list(planes_of(scene({}, valid=np.zeros((HEIGHT, WIDTH), np.bool_)), CAMERA)) == []


@pytest.mark.parametrize(("points", "planes"), [(2, 0), (3, 1), (4, 1)])
def test_planes_of__needs_three_points_for_a_plane(points: int, planes: int) -> None:
    valid = np.zeros((HEIGHT, WIDTH), np.bool_)
    corners = ((10, 20), (29, 20), (10, 49), (29, 49))
    for corner in corners[:points]:
        valid[corner] = True
    kept = list(planes_of(scene({}, valid=valid), CAMERA))
    assert len(kept) == planes
    for plane in kept:
        assert abs(float(plane.normal @ torch.from_numpy(NORMAL))) > 1 - 1e-6


@pytest.mark.parametrize(
    ("calibration", "usable"),
    [
        ((1.0, 1.0, 0.0, 0.0), True),
        ((1.0, -1.0, 0.0, 0.0), True),
        ((1.0, 0.0, 0.0, 0.0), False),
        ((1.0, 1.0, np.nan, 0.0), False),
    ],
)
def test_usable_calibration__is_finite_with_focal_lengths(
    calibration: tuple[float, float, float, float], usable: bool
) -> None:
    assert usable_calibration(calibration) is usable
