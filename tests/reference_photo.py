# SPDX-License-Identifier: Apache-2.0
"""The made-up scenes on which the stored reference numbers were computed (recipe: README of the fixtures)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def scene(height: int, width: int, seed: int) -> NDArray[np.float64]:
    """(3, H, W), "already normalised": sky, chequered ground and five boxes, with noise; bit-reproducible."""
    rng = np.random.default_rng(seed)
    y, x = ((np.arange(height) + 0.5) / height)[:, None], ((np.arange(width) + 0.5) / width)[None, :]
    horizon, top, bottom = rng.uniform(0.35, 0.6), rng.uniform(-1.5, 2.0, 3), rng.uniform(-1.5, 2.0, 3)
    image = np.zeros((3, height, width))
    for c in range(3):
        image[c] += np.where(y < horizon, top[c] * (1 - 0.3 * y), bottom[c] * (0.4 + 0.6 * y))
    depth = 1.0 / np.maximum(y - horizon, 0.02)
    squares = (np.floor(2 * depth) + np.floor(2 * (x - 0.5) * depth)) % 2
    image += np.where(y >= horizon, 0.8 * squares - 0.4, 0.0)
    for _ in range(5):
        centre, half, base = rng.uniform(0.1, 0.9), rng.uniform(0.05, 0.15), rng.uniform(horizon + 0.1, 0.98)
        tall, colour = rng.uniform(0.2, 0.5), rng.uniform(-1.8, 2.2, 3)
        box = (np.abs(x - centre) < half) & (y < base) & (y > base - tall)
        for c in range(3):
            image[c] = np.where(box, colour[c] * (0.7 + 0.3 * (x - centre) / half), image[c])
    image += 0.05 * rng.standard_normal((3, height, width))
    return image


def photo(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: the scene as a camera would store it."""
    levels = np.clip(np.rint(scene(height, width, seed) * 60 + 120), 0, 255).astype(np.uint8)
    picture: NDArray[np.uint8] = levels.transpose(1, 2, 0).copy()
    return picture
