# SPDX-License-Identifier: Apache-2.0
"""An exact depth map enters; pairs of pixels of which the nearer one is known leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from leadline.contracts.sample import OrdinalPairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLEAR_RATIO = 1.1
"""A pair counts only where the farther pixel is at least this many times as far, so that nobody could argue about it."""

_CANDIDATES_PER_PAIR = 8


def draw_pairs(
    depth_m: NDArray[np.float32], valid: NDArray[np.bool_], count: int, generator: np.random.Generator
) -> OrdinalPairs:
    """Random pixel pairs with clearly different depth.

    Args:
        depth_m: (H, W) z-depth in metres, read only where ``valid``.
        valid: (H, W) bool.
        count: number of pairs P; where too few clear ones are found, the last rows are padding with ``valid`` false.
        generator: the source of randomness.

    Returns:
        (P, 2) rows and columns in pixels of the nearer and of the farther one, and (P,) bool.
    """
    pixels = np.flatnonzero(valid)
    chosen = np.zeros((0, 2), np.int64)
    if pixels.size:
        candidates = pixels[generator.integers(pixels.size, size=(count * _CANDIDATES_PER_PAIR, 2))]
        depth_P2 = depth_m.ravel()[candidates]
        candidates = np.take_along_axis(candidates, depth_P2.argsort(1), 1)
        chosen = candidates[depth_P2.max(1) >= CLEAR_RATIO * depth_P2.min(1)][:count]
    padded = np.zeros((count, 2), np.int64)
    padded[: len(chosen)] = chosen
    rows_P22 = torch.from_numpy(np.stack(np.divmod(padded, depth_m.shape[1]), -1))
    present = torch.arange(count) < len(chosen)
    return OrdinalPairs(nearer_rc=rows_P22[:, 0].contiguous(), farther_rc=rows_P22[:, 1].contiguous(), valid=present)
