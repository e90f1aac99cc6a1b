# SPDX-License-Identifier: Apache-2.0
"""The netpbm family read literally: a binary PGM or PFM goes in, its stored numbers come out.

Pillow stretches a PGM whose largest value is neither 255 nor 65535 to the full range, which would change depths.
Formats: https://netpbm.sourceforge.net/doc/pgm.html and https://netpbm.sourceforge.net/doc/pfm.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from leadline.contracts.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# Tokens are separated by white space; comments run from '#' to the end of the line; one white space ends the header.
_GAP = rb"(?:\s|#[^\n]*\n)+"
_PGM_HEADER = re.compile(rb"P5" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")
_PFM_HEADER = re.compile(rb"Pf\s+(\d+)\s+(\d+)\s+(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s")
_LONGEST_HEADER = 4096


def read_pgm(path: Path, *, max_pixels: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Read a binary PGM (P5): (H, W) uint8, or uint16 where the largest value needs two bytes; stored numbers, no unit.

    Raises:
        DataError: another format, a largest value of 0 or above 65535, more than ``max_pixels``, or fewer bytes than the
            header promises.
        OSError: the file cannot be opened.
    """
    match = _header(path, _PGM_HEADER, "a binary PGM that starts with P5")
    width, height, largest = (int(group) for group in match.groups())
    refuse_giant(path, pixels=width * height, limit=max_pixels)
    if not 0 < largest < 65536:
        raise DataError(expected="a largest value of 1 to 65535", got=f"{path} with {largest}", remedy="write the PGM again")
    stored = _pixels(path, match.end(), np.dtype(">u2" if largest > 255 else "u1"), (height, width))
    return stored.astype(stored.dtype.newbyteorder("="))


def read_pfm(path: Path, *, max_pixels: int) -> NDArray[np.float32]:
    """Read a single-channel PFM (Pf): (H, W) float32, first row on top; stored numbers, no unit.

    The sign of the scale gives the byte order; its size is not applied, as most writers use it for the sign alone.

    Raises:
        DataError: another format, more than ``max_pixels``, or fewer bytes than the header promises.
        OSError: the file cannot be opened.
    """
    match = _header(path, _PFM_HEADER, "a single-channel PFM that starts with Pf")
    width, height = int(match[1]), int(match[2])
    refuse_giant(path, pixels=width * height, limit=max_pixels)
    stored = _pixels(path, match.end(), np.dtype("<f4" if float(match[3]) < 0 else ">f4"), (height, width))
    return stored[::-1].astype(np.float32)


def refuse_giant(path: Path, *, pixels: int, limit: int) -> None:
    """Raise DataError when a header announces more than ``limit`` pixels."""
    if pixels > limit:
        raise DataError(expected=f"at most {limit} pixels", got=f"{path} with {pixels}", remedy="cut or shrink the raster")


def _header(path: Path, pattern: re.Pattern[bytes], expected: str) -> re.Match[bytes]:
    with path.open("rb") as file:
        start = file.read(_LONGEST_HEADER)
    match = pattern.match(start)
    if match is None:
        raise DataError(
            expected=expected,
            got=f"{path} ({'an empty file' if not start else f'starts with {start[:2]!r}'})",
            remedy="convert the file to 16-bit PNG or npy",
        )
    return match


def _pixels(path: Path, offset: int, dtype: np.dtype[Any], shape: tuple[int, int]) -> NDArray[Any]:
    present, needed = path.stat().st_size - offset, dtype.itemsize * shape[0] * shape[1]
    if present < needed:
        raise DataError(
            expected=f"{needed} bytes of pixels", got=f"{path} with {present} (truncated)", remedy="replace the file"
        )
    return np.fromfile(path, dtype=dtype, count=shape[0] * shape[1], offset=offset).reshape(shape)
