# SPDX-License-Identifier: Apache-2.0
"""Marks on a scale: a distance that would do, or a range, enters; a round distance, or its multiples in the range, leave."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROUNDING = 1e-9  # relative: a step or an end that misses a round number by less is taken to be it


def round_step(at_least: float, *, factors: Sequence[float]) -> float:
    """The smallest of ``factors`` times a power of ten that is not below ``at_least`` (finite and positive).

    Args:
        at_least: a distance of two marks, in any unit.
        factors: rising, from 1 to below 10.

    >>> [round_step(value, factors=(1, 2, 5)) for value in (0.3, 2.0, 7.0)]
    [0.5, 2.0, 10.0]
    """
    power = 10.0 ** math.floor(math.log10(at_least))
    return next(factor * power for factor in (*factors, 10) if factor * power >= at_least * (1 - _ROUNDING))


def round_ticks(low: float, high: float, *, step: float) -> list[float]:
    """The multiples of ``step`` from ``low`` to ``high``, both ends included where they are such.

    >>> round_ticks(-0.2, 0.61, step=0.2)
    [-0.2, 0.0, 0.2, 0.4, 0.6]
    """
    first, last = math.ceil(low / step - _ROUNDING), math.floor(high / step + _ROUNDING)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]
