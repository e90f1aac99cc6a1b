# SPDX-License-Identifier: Apache-2.0
"""Are planes flat and rightly turned, and is near near: predicted and true metres enter, cm, degrees and percent leave.

Planarity and directed depth errors of iBims-1 (Koch et al. 2018, sec. 3.2 and 3.4), as in the authors' public Python.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.geometry.alignment import fit_median_scale
from leadline.geometry.camera import unproject

SMALLEST_PLANE = 0.05  # of all pixels of the image
SPLIT_M = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaneError:
    """Errors of one plane: standard deviation of the distances to the fitted plane, and the angle between the normals."""

    flatness_cm: float
    orientation_deg: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectedError:
    """Percent of pixels that are on the right side of the 3 m plane, wrongly before it, wrongly behind it."""

    correct: float
    too_close: float
    too_far: float


def plane_error(
    *, predicted_m: Tensor, target_m: Tensor, on_plane: Tensor, normal: Tensor, matrix: Tensor
) -> PlaneError | None:
    """Fit a plane to the predicted points of a true plane, after scaling the prediction by the ratio of medians there.

    Planarity errors of iBims-1 (Koch et al. 2018, sec. 3.2).

    Args:
        predicted_m, target_m: (H, W) metres; read where ``on_plane`` is true.
        on_plane: (H, W) bool, usable pixels of the plane.
        normal: (3,) true normal in the camera frame (x right, y down, z forward), of any length and either sign.
        matrix: (3, 3) camera in pixels, pixel centres at +0.5.

    Returns:
        The errors in centimetres and degrees, or None where ``on_plane`` is less than 5 % of the image.
    """
    if int(on_plane.sum()) < SMALLEST_PLANE * on_plane.numel():
        return None
    scale = fit_median_scale(predicted=predicted_m[None], target=target_m[None], valid=on_plane[None])
    points_N3 = unproject(predicted_m.double() * scale, matrix.double())[:, on_plane].T
    offsets_N3 = points_N3 - points_N3.mean(dim=0)
    fitted = torch.linalg.eigh(offsets_N3.T @ offsets_N3).eigenvectors[:, 0]
    distances_m = offsets_N3 @ fitted
    true = normal.double()
    angle = torch.atan2(torch.linalg.cross(true, fitted).norm(), (true @ fitted).abs())
    return PlaneError(flatness_cm=100.0 * float(distances_m.std(correction=0)), orientation_deg=float(angle.rad2deg()))


def directed_error(*, predicted_m: Tensor, target_m: Tensor, valid: Tensor) -> DirectedError:
    """Directed depth error at 3 m (iBims-1, Koch et al. 2018, sec. 3.4).

    (H, W) metres and bool mask -> percent, together 100.  Exactly 3 m counts as near.

    Raises:
        ContractError: no valid pixel.

    >>> truth_m = torch.tensor([[1.0, 2.0, 4.0, 5.0]])
    >>> directed_error(predicted_m=truth_m + 1.5, target_m=truth_m, valid=truth_m > 0)
    DirectedError(correct=75.0, too_close=0.0, too_far=25.0)
    """
    if not bool(valid.any()):
        raise ContractError(expected="at least one valid pixel", got="none", remedy="skip this image")
    near, truly_near = predicted_m[valid] <= SPLIT_M, target_m[valid] <= SPLIT_M
    return DirectedError(
        correct=100.0 * float((near == truly_near).double().mean()),
        too_close=100.0 * float((near & ~truly_near).double().mean()),
        too_far=100.0 * float((~near & truly_near).double().mean()),
    )
