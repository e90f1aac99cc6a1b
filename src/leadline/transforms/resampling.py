# SPDX-License-Identifier: Apache-2.0
"""Three ways to a new size, for pictures, for true depth and for predictions: a tensor enters, one of that size leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

_PROBED_ROWS = 8  # at least, where there are so many; up to 15, for the step between them is whole
_EIGHT_BIT_TOLERANCE = 1e-3


def resize_image(image: Tensor, height: int, width: int) -> Tensor:
    """Antialiased bilinear resize.

    A picture that came from 8 bits (judged by 8 to 15 of its rows) is averaged in 8-bit arithmetic, as Pillow does, which is
    several times faster and differs from the exact average by at most 1/255; any other is averaged in float32.

    Args:
        image: (3, H, W) float32 in [0, 1] on the CPU, of any strides; channels-last strides are the fastest for 8-bit
            pictures.
        height, width: new size in pixels.

    Returns:
        (3, height, width) float32 in [0, 1].

    >>> round(255 * resize_image(torch.tensor([0.0, 1.0]).expand(3, 1, 2), 1, 1)[0].item(), 3)  # 127.5 is rounded to a byte
    128.0
    """
    if _came_from_eight_bits(image):
        return _antialiased(_eight_bit_levels(image), height, width).to(torch.float32).div_(255.0)
    return _antialiased(image.contiguous(), height, width)


def _antialiased(image: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(image[None], (height, width), mode="bilinear", antialias=True)[0]


def _came_from_eight_bits(image: Tensor) -> bool:
    levels = image[:, :: max(1, image.shape[1] // _PROBED_ROWS)] * 255.0
    return bool((levels - levels.round()).abs().max() < _EIGHT_BIT_TOLERANCE)


def _eight_bit_levels(image: Tensor) -> Tensor:
    """The byte k for every k / 255, exactly, strides kept.  (3, H, W) float32 -> uint8.

    NumPy multiplies and truncates in one pass over cache-sized pieces, three times faster than multiply, round and cast in
    torch; the surplus in the factor lifts k above the rounding error of k / 255 and is far too small to reach k + 1.
    """
    values = image.numpy()
    levels = np.empty_like(values, dtype=np.uint8)
    np.multiply(values, np.float32(255.0 + 2.0**-9), out=levels, casting="unsafe")
    return torch.from_numpy(levels)


def nearest_indices(old: int, new: int) -> Tensor:
    """For each new index the old index whose pixel holds the new centre, ``floor((i + 0.5) * old / new)``.  (new,) int64.

    Example:
        >>> nearest_indices(6, 3).tolist(), nearest_indices(2, 4).tolist()
        ([1, 3, 5], [0, 0, 1, 1])
    """
    return torch.div((2 * torch.arange(new) + 1) * old, 2 * new, rounding_mode="floor")


def resize_nearest(raster: Tensor, height: int, width: int) -> Tensor:
    """Pick values at the new pixels' centres; nothing is blended, so depth edges stay edges and NaN stays where it was.

    Args:
        raster: (H, W) of any dtype, on the CPU.
        height, width: new size in pixels.

    Returns:
        (height, width), same dtype and unit; every value occurs in ``raster``.

    >>> resize_nearest(torch.tensor([[1.0, 2.0]]), 1, 4).tolist()
    [[1.0, 1.0, 2.0, 2.0]]
    """
    rows, columns = (nearest_indices(old, new) for old, new in zip(raster.shape, (height, width), strict=True))
    if raster.dtype is torch.bool:  # NumPy picks single bytes ten times faster than torch
        return torch.from_numpy(raster.numpy().take(rows.numpy(), axis=0).take(columns.numpy(), axis=1))
    return raster.index_select(0, rows).index_select(1, columns)


def resize_prediction(values: Tensor, height: int, width: int) -> Tensor:
    """Bilinear with aligned corners, as Depth Anything V2 brings its depth back to the picture's size (``infer_image``).

    Args:
        values: (h, w) float32, in any unit; blended in that unit.
        height, width: new size in pixels.

    Returns:
        (height, width) float32, same unit and device; NaN spreads to its neighbours.

    >>> resize_prediction(torch.tensor([[1.0, 2.0]]), 1, 3).tolist()
    [[1.0, 1.5, 2.0]]
    """
    return functional.interpolate(values[None, None], (height, width), mode="bilinear", align_corners=True)[0, 0]
