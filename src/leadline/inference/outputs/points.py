# SPDX-License-Identifier: Apache-2.0
"""A depth map with its picture and camera enters; a file of coloured points, and how they were placed, leave."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind
from leadline.geometry.camera import pinhole_matrix, unproject
from leadline.rasters.point_cloud import write_glb, write_ply

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from leadline.inference.outputs.prediction import Prediction

logger = logging.getLogger(__name__)

ASSUMED_FIELD_OF_VIEW_DEG = 55.0
POINTS_OF: dict[str, frozenset[DepthKind]] = {
    "ply": frozenset({DepthKind.METRIC}),
    "glb": frozenset({DepthKind.METRIC, DepthKind.SCALE_INVARIANT}),
}
"""The kinds whose points mean something: PLY has no place to say that its numbers are no metres, glTF has."""


def assumed_camera(height: int, width: int) -> Camera:
    """A pinhole 55 degrees across with the principal point in the middle, like many a webcam.  Good for viewing only.

    Size of the picture in pixels -> (3, 3) float32 matrix in pixels.

    >>> [round(value) for value in assumed_camera(480, 640).matrix[0].tolist()]
    [615, 0, 320]
    """
    return Camera(matrix=pinhole_matrix(height, width, field_of_view_deg=ASSUMED_FIELD_OF_VIEW_DEG))


def write_ply_points(path: Path, prediction: Prediction) -> dict[str, Any]:
    """Metres in the camera frame; StorageError where the folder cannot be written."""
    points_N3, colours_N3, camera = _placed(path, prediction)
    write_ply(path, points_N3, colours_N3)
    return {"camera": camera, "frame": "x right, y down, z forward"}


def write_glb_points(path: Path, prediction: Prediction) -> dict[str, Any]:
    """Metres, or numbers without unit as the node's extras then say, in glTF's frame; errors as ``write_glb``."""
    points_N3, colours_N3, camera = _placed(path, prediction)
    kind = prediction.depth.kind
    facts = {
        "frame": "x right, y up, -z forward",
        "unit": kind.unit or "none: up to one factor",
        "kind": kind.value,
        "camera": camera,
    }
    write_glb(path, points_N3, colours_N3, extras=facts)
    return facts


def _placed(path: Path, prediction: Prediction) -> tuple[NDArray[np.float32], NDArray[np.uint8], dict[str, Any]]:
    """Points (N, 3) of the usable pixels in the camera frame, their colours (N, 3), and the camera that placed them."""
    depth = prediction.depth
    camera = prediction.camera or depth.camera
    assumed = camera is None
    if camera is None:
        camera = assumed_camera(*depth.values.shape)
    points_3HW = unproject(torch.from_numpy(np.where(depth.valid, depth.values, 0.0)), camera.matrix).numpy()
    placeable = depth.valid & np.isfinite(points_3HW).all(axis=0)
    lost = int(np.count_nonzero(depth.valid & ~placeable))
    if lost:
        logger.warning("%s: %d pixels that are valid but not finite are left out", path, lost)
    source = f"assumed: {ASSUMED_FIELD_OF_VIEW_DEG:g} degrees across, principal point in the middle" if assumed else "given"
    record = {"source": source, "matrix_px": camera.matrix.tolist()}
    return points_3HW[:, placeable].T, prediction.rgb[placeable], record
