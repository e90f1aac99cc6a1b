# SPDX-License-Identifier: Apache-2.0
"""An HDF5 file and the name of an array in it go in, the array comes out (needs h5py, extra ``hypersim``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from leadline.contracts.errors import DataError, MissingExtraError
from leadline.rasters.images import MAX_PIXELS, broken_reason

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_hdf5_array(path: Path, name: str = "dataset") -> NDArray[Any]:
    """The array ``name`` of an HDF5 file; shape, dtype and unit are those of the file.

    Raises:
        MissingExtraError: h5py is not installed.
        DataError: missing, damaged, without the array, or with more numbers than three times ``MAX_PIXELS``.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(
            expected="the package h5py for .hdf5 files",
            got="no such package installed",
            remedy="pip install 'leadline[hypersim]'",
        ) from error
    try:
        with h5py.File(path, "r") as file:
            stored = file[name]
            if not isinstance(stored, h5py.Dataset) or stored.dtype.kind not in "uif" or stored.size > 3 * MAX_PIXELS:
                raise ValueError(f"'{name}' is no array of numbers, or too large a one")
            return np.asarray(stored[()])
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise DataError(
            expected=f"an HDF5 file with the array '{name}'",
            got=f"{path} ({broken_reason(path, error)})",
            remedy="unpack the archive again",
        ) from error
