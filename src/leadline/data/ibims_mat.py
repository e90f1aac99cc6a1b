# SPDX-License-Identifier: Apache-2.0
"""A .mat file of ibims1_core_mat goes in, one iBims-1 scene comes out (needs scipy, extra ``mat``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from leadline.contracts.errors import DataError
from leadline.data.decoding import decode_linear
from leadline.data.ibims_scene import PLANE_KINDS, IbimsScene, usable_calibration
from leadline.data.mat_file import read_mat_variable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# Columns of *_paras that hold the plane's normal, in the frame x right, y forward, z up of the official scripts.
_NORMAL_COLUMNS = slice(4, 7)

Number = TypeVar("Number", np.uint8, np.int32)


def read_mat_scene(root: Path, name: str) -> IbimsScene:
    """Read ``<root>/<name>.mat``: struct ``data`` with depth in metres (0 and NaN missing) and a transposed calibration.

    Shapes and units as in ``IbimsScene``.

    Raises:
        MissingExtraError: scipy is not installed.
        DataError: no such struct, a field missing, of no numbers or of another size, or a useless calibration.
    """
    path = root / f"{name}.mat"
    fields = _struct(path)
    try:
        rgb, depth_m, has_depth = _whole(fields["rgb"], np.uint8), *decode_linear(np.asarray(fields["depth"]), scale=1.0)
        masks = [np.asarray(fields[key]) > 0 for key in ("mask_invalid", "mask_transp")]
        calib, edges = np.asarray(fields["calib"], dtype=np.float64), np.asarray(fields["edges"]) > 0
        kinds = [kind for kind in PLANE_KINDS if f"mask_{kind}" in fields]
        labels = {kind: _whole(fields[f"mask_{kind}"], np.int32) for kind in kinds}
        normals = {kind: _normals(fields, kind) for kind in kinds}
    except (LookupError, ValueError, TypeError) as error:
        raise _broken(path, f"field {error}") from error
    shapes = {rgb.shape[:2], depth_m.shape, edges.shape, *(mask.shape for mask in (*masks, *labels.values()))}
    if len(shapes) != 1 or rgb.shape[2:] != (3,) or calib.shape != (3, 3):
        raise _broken(path, f"sizes {sorted(shapes)} and calibration {calib.shape}")
    # MATLAB stores the matrix transposed: the principal point is in the last row.
    calibration = (float(calib[0, 0]), float(calib[1, 1]), float(calib[2, 0]), float(calib[2, 1]))
    if not usable_calibration(calibration):
        raise _broken(path, f"calibration {calibration}")
    return IbimsScene(rgb, depth_m, has_depth & masks[0] & masks[1], calibration, edges, labels, normals)


def _struct(path: Path) -> Mapping[str, Any]:
    data = read_mat_variable(path, "data")
    if data.dtype.names is None or data.size != 1:
        raise _broken(path, "no struct")
    return {field: data.flat[0][field] for field in data.dtype.names}


def _whole(field: Any, dtype: type[Number]) -> NDArray[Number]:
    """The numbers of a field, stored in whatever type; ValueError where ``dtype`` cannot hold one of them as it is."""
    stored = np.asarray(field)
    with np.errstate(invalid="ignore"):
        converted = np.ascontiguousarray(stored.astype(dtype))
    if not np.array_equal(converted, stored):
        raise ValueError(f"with values that are no {np.dtype(dtype)}")
    return converted


def _normals(fields: Mapping[str, Any], kind: str) -> NDArray[np.float64]:
    parameters: NDArray[Any] = np.asarray(fields.get(f"mask_{kind}_paras", np.empty((0, 0))), dtype=np.float64)
    if parameters.size == 0:
        return np.empty((0, 3))
    right, forward, up = parameters[:, _NORMAL_COLUMNS].T
    return np.stack([right, -up, forward], axis=1)


def _broken(path: Path, got: str) -> DataError:
    return DataError(
        expected="an iBims-1 .mat file with the struct 'data'",
        got=f"{path} ({got})",
        remedy="unpack ibims1_core_mat again",
    )
