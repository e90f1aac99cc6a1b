# SPDX-License-Identifier: Apache-2.0
"""What one iBims-1 image holds, whichever packaging it was read from; its planes come out one by one for the evaluation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from leadline.geometry.camera import unproject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.contracts.camera import Camera

PLANE_KINDS = ("wall", "table", "floor")


@dataclass(frozen=True, slots=True)
class IbimsPlane:
    """One annotated plane.

    Attributes:
        kind: ``"wall"``, ``"table"`` or ``"floor"``.
        mask: (H, W) bool, the plane's pixels, valid depth or not.
        normal: (3,) float64 unit normal of either sign, camera frame x right, y down, z forward.  The mat packaging stores
            it; for the raw one it is fitted to the true depth.
    """

    kind: str
    mask: Tensor
    normal: Tensor


@dataclass(frozen=True, slots=True)
class IbimsAnnotations:
    """What the iBims-1 protocol scores beside depth.

    Attributes:
        edges: (H, W) bool, annotated depth edges (for DBE).
        planes: every annotated plane of the image, walls, tables, floors (for PE).
    """

    edges: Tensor
    planes: tuple[IbimsPlane, ...]


@dataclass(frozen=True, slots=True)
class IbimsScene:
    """One image as stored.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth_m: (H, W) float32 metres, undefined where not valid.
        valid: (H, W) bool, both official masks and depth present.
        calibration: (fx, fy, cx, cy) in pixels as stored, for pixel numbers that start at 1.
        edges: (H, W) bool, or None where the packaging lacks them.
        plane_labels: by kind, (H, W) int32; 0 is no plane, j is plane j.
        plane_normals: by kind, (P, 3) float64, row j - 1 the normal of plane j, camera frame; empty where none are stored.
    """

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    valid: NDArray[np.bool_]
    calibration: tuple[float, float, float, float]
    edges: NDArray[np.bool_] | None
    plane_labels: Mapping[str, NDArray[np.int32]]
    plane_normals: Mapping[str, NDArray[np.float64]]


def usable_calibration(calibration: tuple[float, float, float, float]) -> bool:
    """Whether (fx, fy, cx, cy) in pixels can place points.

    >>> usable_calibration((550.0, 550.0, 320.0, 240.0)), usable_calibration((0.0, 550.0, 320.0, 240.0))
    (True, False)
    """
    return all(math.isfinite(number) for number in calibration) and 0.0 not in calibration[:2]


def planes_of(scene: IbimsScene, camera: Camera) -> Iterator[IbimsPlane]:
    """Every plane of a scene; normals come from the file, or from a plane fitted to the true points seen by ``camera``.

    ``camera`` is a (3, 3) matrix in pixels; shapes and units of what comes as in ``IbimsPlane``.

    A plane without a stored normal and with fewer than three valid pixels has no direction and is left out.
    """
    for kind, labels in scene.plane_labels.items():
        stored = scene.plane_normals.get(kind)
        for label in np.unique(labels[labels > 0]):
            mask = labels == label
            if stored is not None and label <= len(stored):
                yield IbimsPlane(kind, torch.from_numpy(mask), torch.from_numpy(stored[label - 1].copy()))
            elif np.count_nonzero(mask & scene.valid) >= 3:
                yield IbimsPlane(kind, torch.from_numpy(mask), _fitted_normal(scene, mask, camera))


def _fitted_normal(scene: IbimsScene, mask: NDArray[np.bool_], camera: Camera) -> Tensor:
    """Direction of least spread of the true points (total least squares)."""
    points_3HW = unproject(torch.from_numpy(scene.depth_m).double(), camera.matrix.double())
    points_N3 = points_3HW[:, torch.from_numpy(mask & scene.valid)].T
    offsets_N3 = points_N3 - points_N3.mean(dim=0)
    normal: Tensor = torch.linalg.eigh(offsets_N3.T @ offsets_N3).eigenvectors[:, 0]
    return normal
