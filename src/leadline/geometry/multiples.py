# SPDX-License-Identifier: Apache-2.0
"""A side in pixels enters, the side nearest to it that a patch or stride divides evenly leaves."""

from __future__ import annotations


def nearest_multiple(side_px: float, multiple: int) -> int:
    """The nearest multiple, at least one of them; a side half-way between two goes to the even one.

    Halves go to even because ``numpy.round`` does so in Depth Anything V2 (``Resize.constrain_to_multiple_of``).

    >>> [nearest_multiple(side_px, 14) for side_px in (480, 819, 833, 5)]
    [476, 812, 840, 14]
    """
    return max(multiple, round(side_px / multiple) * multiple)


def ceil_division(number: int, by: int) -> int:
    """``number / by``, both above 0, rounded up to a whole number, never by way of a negative one.

    Where a graph is traced for any size, the division of a negative number is rounded towards 0 by ONNX, so that there
    ``-(-number // by)`` is 1 too little.

    >>> [ceil_division(side_px, 16) for side_px in (154, 160, 1)]
    [10, 10, 1]
    """
    return (number + by - 1) // by


def nearest_multiples(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """``nearest_multiple`` of (height, width), both in pixels.

    >>> nearest_multiples((480, 5), 14)
    (476, 14)
    """
    height, width = size
    return nearest_multiple(height, multiple), nearest_multiple(width, multiple)
