# SPDX-License-Identifier: Apache-2.0
"""Made-up clips whose true depth is known: a room with a wall, a floor and a box, seen by a camera that may move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind, DepthMap

HEIGHT, WIDTH = 72, 96


@dataclass(frozen=True)
class Made:
    """One frame: the picture, and z-depth in metres."""

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float64]


def room(*, box_m: float = 3.0, box_column: int = 30, seed: int = 0) -> Made:
    """A static room; ``box_m`` moves a box of 24x24 pixels towards the camera, ``seed`` makes another room."""
    rng = np.random.default_rng(seed)
    texture = np.kron(rng.integers(40, 216, (HEIGHT // 4, WIDTH // 4)), np.ones((4, 4)))
    y = (np.arange(HEIGHT) + 0.5)[:, None] / HEIGHT
    depth = np.broadcast_to(np.where(y < 0.5, 6.0, 3.0 / np.maximum(y, 0.5)), (HEIGHT, WIDTH)).copy()
    depth *= np.linspace(0.8, 1.2, WIDTH)[None] if seed == 0 else np.linspace(1.5, 0.4, WIDTH)[None]
    side = round(24 * 3.0 / box_m)
    rows, columns = slice(20, 20 + side), slice(box_column, box_column + side)
    depth[rows, columns] = box_m
    texture[rows, columns] = 250 - 30 * box_m
    return Made(np.repeat(texture.astype(np.uint8)[..., None], 3, axis=2), depth)


def as_map(values: NDArray[np.float64], kind: DepthKind) -> DepthMap:
    return DepthMap(values=values.astype(np.float32), valid=np.ones(values.shape, bool), kind=kind)
