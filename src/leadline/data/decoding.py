# SPDX-License-Identifier: Apache-2.0
"""Stored raster numbers go in, float32 depth and a validity mask come out; what means "no depth" is masked, not replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from leadline.contracts.depth_map import DepthKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

Decoded: TypeAlias = "tuple[NDArray[np.float32], NDArray[np.bool_]]"
"""(H, W) float32 values and (H, W) bool validity."""

POSITIVE_KINDS = frozenset({DepthKind.METRIC, DepthKind.SCALE_INVARIANT})
"""Kinds whose numbers are distances: none of them is valid unless it is above 0."""


METRES_PER_UNIT = {"m": 1.0, "cm": 0.01, "mm": 0.001}


def decode_linear(
    raw: NDArray[Any],
    *,
    scale: float,
    offset: float = 0.0,
    invalid_values: Iterable[float] = (0.0,),
    kind: DepthKind = DepthKind.METRIC,
) -> Decoded:
    """Decode ``raw * scale + offset``, rounded once to float32.

    (H, W) stored numbers -> (H, W) float32 in the unit of ``scale`` and ``offset``, and (H, W) bool validity.

    A pixel is invalid where the stored value is one of ``invalid_values``, where the result is NaN or infinite, and, for
    kinds whose numbers are distances (METRIC, SCALE_INVARIANT), where it is not positive.

    >>> import numpy as np
    >>> decode_linear(np.array([[0, 1500, 65535]], np.uint16), scale=0.001, invalid_values=(0, 65535))[1].tolist()
    [[False, True, False]]
    """
    values = _scaled(raw, scale, offset)
    valid: NDArray[np.bool_] = values > 0 if kind in POSITIVE_KINDS else np.ones(raw.shape, dtype=np.bool_)
    for invalid in invalid_values:
        valid &= raw != invalid
    if raw.dtype.kind == "f":
        valid &= np.isfinite(values)
    return values, valid


def _scaled(raw: NDArray[Any], scale: float, offset: float) -> NDArray[np.float32]:
    exact_in_float32 = raw.dtype.itemsize <= 2 or raw.dtype == np.float32
    divisor = round(1.0 / scale) if scale > 2.0**-24 else 0
    scaled: NDArray[np.float32]
    if exact_in_float32 and offset == 0.0 and divisor > 0 and abs(divisor * scale - 1.0) < 1e-12:
        # Numbers and divisor are exact, so one float32 division is the correctly rounded result, in half the time.
        scaled = np.divide(raw, np.float32(divisor), dtype=np.float32)
    else:
        scaled = (np.multiply(raw, scale, dtype=np.float64) + offset).astype(np.float32)
    return scaled
