# SPDX-License-Identifier: Apache-2.0
"""A float map enters, the bytes of a small file and the two numbers that decode it leave; and the way back.

Stored number q means ``q * scale + offset``.  ``uint16`` is a PNG of which code 0 means "no value"; ``fp16`` is a NumPy
file in which NaN means it.
"""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from PIL import Image

from leadline.contracts.errors import DataError
from leadline.rasters.images import BROKEN_FILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

LabelType: TypeAlias = Literal["uint16", "fp16"]
SUFFIXES: dict[LabelType, str] = {"uint16": ".png", "fp16": ".npy"}

_TOP_CODE = 65535
_STEPS = _TOP_CODE - 1  # code 1 is the least value, 65535 the greatest
_LARGEST_HALF = 65504.0
_LARGEST_SINGLE = float(np.finfo(np.float32).max)
_COMMON_EXPONENTS = range(-3, 16)  # of maps whose greatest value float16 holds with all its digits
_FASTEST = 1  # higher levels take several times as long and save about one byte in a hundred


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredLabel:
    """One encoded map.

    Attributes:
        data: the file, the same bytes for the same map and the same versions of NumPy, Pillow and zlib.
        scale, offset: stored number q means ``q * scale + offset``; scale is above 0.
    """

    data: bytes
    scale: float
    offset: float


def encode_label(values: NDArray[np.float32], valid: NDArray[np.bool_], dtype: LabelType) -> StoredLabel:
    """Encode a map; numbers that are not finite count as invalid.

    Args:
        values: (H, W) float32 in any unit; read only where ``valid``.
        valid: (H, W) bool.
        dtype: "uint16": steps of ``scale`` = (greatest - least) / 65534, so that decoding is off by at most scale / 2 and
            the rounding to float32 where that is coarser.  "fp16": off by at most a part in 2048 of each value; scale is
            1, or a power of two for maps outside float16's range.
    """
    usable = valid & np.isfinite(values)
    return _encode_uint16(values, usable) if dtype == "uint16" else _encode_fp16(values, usable)


def decode_label(
    data: bytes, *, dtype: LabelType, scale: float, offset: float, name: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The map and its validity, both (H, W); 0.0 where it is not valid.

    Args:
        data: what ``encode_label`` made.
        dtype, scale, offset: as they were then.
        name: what messages call it.

    Raises:
        DataError: no whole file of that type.
    """
    stored = _read_png(data, name) if dtype == "uint16" else _read_npy(data, name)
    valid = stored != 0 if dtype == "uint16" else np.isfinite(stored)
    decoded = np.zeros(stored.shape, np.float64)
    decoded[valid] = stored[valid].astype(np.float64) * scale + offset
    # rounding to half may have lifted the greatest value of all over float32's end
    return decoded.clip(-_LARGEST_SINGLE, _LARGEST_SINGLE).astype(np.float32), valid


def _encode_uint16(values: NDArray[np.float32], usable: NDArray[np.bool_]) -> StoredLabel:
    scale, offset = _steps(values[usable])
    codes = np.zeros(values.shape, np.uint16)
    # float64 throughout: the steps of a far and flat map are finer than float32's
    exact = (values[usable].astype(np.float64) - offset) / scale
    codes[usable] = np.clip(np.rint(exact), 1, _TOP_CODE).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(codes).save(file, "PNG", compress_level=_FASTEST)
    return StoredLabel(data=file.getvalue(), scale=scale, offset=offset)


def _steps(values: NDArray[np.float32]) -> tuple[float, float]:
    """Scale and offset that put the least value on code 1 and the greatest on the last code; a single value on code 1."""
    if not values.size:
        return 1.0, 0.0
    least, greatest = float(values.min()), float(values.max())
    if least == greatest:
        scale = abs(least) or 1.0  # so that 1 * scale + offset is the value itself, without rounding
        return scale, least - scale
    scale = (greatest - least) / _STEPS
    return scale, least - scale


def _encode_fp16(values: NDArray[np.float32], usable: NDArray[np.bool_]) -> StoredLabel:
    greatest = float(np.abs(values[usable]).max(initial=0.0))
    exponent = math.frexp(greatest)[1]
    fits = greatest == 0.0 or (exponent in _COMMON_EXPONENTS and greatest <= _LARGEST_HALF)
    scale = 1.0 if fits else math.ldexp(1.0, exponent - 15)
    stored = np.full(values.shape, np.nan, np.float16)
    stored[usable] = (values[usable].astype(np.float64) / scale).astype(np.float16)
    file = io.BytesIO()
    np.lib.format.write_array(file, stored, version=(1, 0), allow_pickle=False)
    return StoredLabel(data=file.getvalue(), scale=scale, offset=0.0)


def _read_png(data: bytes, name: str) -> NDArray[np.uint16]:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.mode not in ("I;16", "I"):
                raise _broken(name, f"a PNG of mode {image.mode}, not of 16-bit grey")
            return np.asarray(image).astype(np.uint16)
    except BROKEN_FILE as error:
        raise _broken(name, str(error)) from error


def _read_npy(data: bytes, name: str) -> NDArray[np.float16]:
    try:
        stored = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (*BROKEN_FILE, zipfile.BadZipFile) as error:
        raise _broken(name, str(error)) from error
    if stored.dtype != np.float16 or stored.ndim != 2:
        raise _broken(name, f"an array of shape {stored.shape} and dtype {stored.dtype}")
    return np.asarray(stored)


def _broken(name: str, why: str) -> DataError:
    return DataError(
        expected=f"a label of type {' or '.join(get_args(LabelType))} as its manifest says",
        got=f"{name} ({why})",
        remedy="delete its shard's .jsonl and run `leadline label` again",
    )
