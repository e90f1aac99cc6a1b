# SPDX-License-Identifier: Apache-2.0
"""A MATLAB file and the name of a variable go in, its array comes out (needs scipy, extra ``mat``)."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

from leadline.contracts.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_BROKEN = (OSError, EOFError, ValueError, TypeError, KeyError, IndexError, NotImplementedError, zlib.error, struct.error)


def read_mat_variable(path: Path, name: str) -> NDArray[Any]:
    """The variable ``name`` of a MATLAB file of version 4 to 7.2, as scipy gives it: structs and cells are object arrays.

    Shape, dtype and unit are those of the file.

    Raises:
        MissingExtraError: scipy is not installed.
        DataError: missing, damaged, a newer format, or without the variable.
    """
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise MissingExtraError(
            expected="the package scipy for .mat files",
            got="no such package installed",
            remedy="pip install 'leadline[mat]', or use the dataset's other packaging",
        ) from error
    try:
        variable: NDArray[Any] = loadmat(path, variable_names=[name])[name]
    except (*_BROKEN, MatReadError) as error:
        raise DataError(
            expected=f"a MATLAB file with the variable '{name}'", got=f"{path} ({error})", remedy="unpack the archive again"
        ) from error
    return variable
