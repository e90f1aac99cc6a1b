# SPDX-License-Identifier: Apache-2.0
"""A model's predictor and its exported file's enter; how far apart their maps are, picture by picture, leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from leadline.data.procedural.scenes import ProceduralScenes
from leadline.export.certificate import Check
from leadline.inference.inputs import collect_inputs
from leadline.inference.pictures import as_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthMap
    from leadline.inference.predictor import Predictor
    from leadline.inference.runtimes.exported_predictor import ExportedPredictor

# Wider, taller, smaller and larger than the network's usual 518, and that itself, where nothing is resampled.
RANDOM_SIZES_PX = ((518, 518), (360, 480), (400, 300), (233, 427))
SCENES = 2
MOST_OF_A_FOLDER = 8
_ULP = 2.0**-23
"""Spacing of float32 numbers from 1 to 2; times a magnitude, what arithmetic on such numbers cannot tell apart."""

NamedPicture = tuple[str, "NDArray[np.uint8]"]


def pictures_to_verify(size_px: tuple[int, int] | None, folder: Path | None) -> Iterator[NamedPicture]:
    """Names and (H, W, 3) uint8 RGB pictures: random ones, procedural scenes, and up to eight of a user's own.

    Args:
        size_px: (H, W) of the one size a file takes: then all pictures are made or picked of that size; None for any.
        folder: with real pictures, or None.

    Raises:
        DataError: the folder holds no picture, or one that cannot be read.
    """
    for index, size in enumerate([size_px] * 2 if size_px else RANDOM_SIZES_PX):
        yield f"random {index}", random_picture(*size, seed=index)
    for index in range(SCENES):
        yield f"procedural scene {index}", _scene(index, size_px)
    if folder is not None:
        own = ((str(one.path.name), as_picture(one.path)) for one in collect_inputs([folder]).pictures)
        fitting = (one for one in own if size_px in (None, one[1].shape[:2]))
        for _, one in zip(range(MOST_OF_A_FOLDER), fitting, strict=False):
            yield one


def random_picture(height: int, width: int, *, seed: int) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 RGB of smooth colours with noise on them, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 7, 9, generator=generator)
    smooth = functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)[0]
    noisy = smooth + 0.1 * torch.rand(3, height, width, generator=generator)
    picture: NDArray[np.uint8] = (255 * noisy.clamp(0, 1)).to(torch.uint8).permute(1, 2, 0).numpy()
    return np.ascontiguousarray(picture)


def _scene(index: int, size_px: tuple[int, int] | None) -> NDArray[np.uint8]:
    height, width = size_px or (384, 512)
    sample = ProceduralScenes(count=SCENES, seed=0, height=height, width=width)[index]
    picture: NDArray[np.uint8] = (sample.image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return np.ascontiguousarray(picture)


def compare(model: Predictor, exported: Sequence[ExportedPredictor], pictures: Iterator[NamedPicture]) -> Iterator[Check]:
    """One check per picture and exported predictor; the model sees each picture once.

    Args:
        model: in float32.
        exported: the file, opened by every runtime that shall be trusted with it, in float32.
        pictures: names and pictures.
    """
    for name, picture in pictures:
        expected = model.predict(picture)
        for one in exported:
            yield difference(name, expected=expected, got=one.predict(picture), runtime=one.runtime)


def difference(name: str, *, expected: DepthMap, got: DepthMap, runtime: str) -> Check:
    """How far ``got`` is from ``expected``, both (H, W) in the same unit; NaN where one of them says nothing finite."""
    height, width = expected.values.shape
    spread, magnitude = float(np.ptp(expected.values)), float(np.abs(expected.values).max())
    apart = np.abs(got.values.astype(np.float64) - expected.values)
    shares = apart / (spread or magnitude or 1.0)  # a constant map has its magnitude, zeros have the unit
    certainty = None
    if expected.confidence is not None and got.confidence is not None:
        certainty = float(np.abs(got.confidence - expected.confidence).max())
    return Check(
        picture=name,
        size_px=(height, width),
        runtime=runtime,
        max_difference=float(shares.max()),
        mean_difference=float(shares.mean()),
        p99_difference=float(np.quantile(shares, 0.99)),
        max_difference_ulps=float(apart.max()) / (_ULP * (magnitude or 1.0)),
        max_confidence_difference=certainty,
    )
