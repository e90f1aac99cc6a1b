# SPDX-License-Identifier: Apache-2.0
"""Tiny labelled folders for tests of recipes."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_labelled_folder(root: Path, count: int = 8, size: tuple[int, int] = (42, 56)) -> Path:
    """``count`` pictures whose brightness tells their depth, 16-bit millimetres, one folder per scene of two."""
    generator = np.random.default_rng(0)
    for index in range(count):
        depth_m = 1.0 + 3.0 * np.kron(generator.random((3, 4)), np.ones((size[0] // 3, size[1] // 4)))
        grey = (depth_m / 4.0 * 255).astype(np.uint8)
        for kind in ("image", "depth"):
            (root / f"scene{index // 2}" / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.stack([grey] * 3, axis=-1)).save(root / f"scene{index // 2}" / "image" / f"{index}.png")
        stored = (depth_m * 1000).astype(np.uint16)
        Image.fromarray(stored).save(root / f"scene{index // 2}" / "depth" / f"{index}.png")
    return root
