# SPDX-License-Identifier: Apache-2.0
"""Shown depths that are formulas, for the tests of what the page does with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from leadline.contracts.depth_map import DepthKind
from leadline.web.limits import Limits
from leadline.web.shown_depth import ShownDepth, predict_upload
from tests.inference.stand_ins import FormulaPredictor, noise

HEIGHT, WIDTH = 40, 60
HOLE = (5, 7)  # row and column that have no depth


def ramp(kind: DepthKind = DepthKind.METRIC) -> FormulaPredictor:
    """1 + column / 10 + row / 100, but for one hole."""

    def formula(picture: np.typing.NDArray[np.uint8]) -> np.typing.NDArray[np.floating]:
        rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
        values = 1.0 + columns / 10 + rows / 100
        if picture.shape[0] > HOLE[0] and picture.shape[1] > HOLE[1]:
            values[HOLE] = np.nan
        return np.asarray(values)

    return FormulaPredictor(formula, kind)


def upload(folder: Path, height: int = HEIGHT, width: int = WIDTH) -> Path:
    """A picture file as a browser would send it."""
    path = folder / "my photo.png"
    Image.fromarray(noise(height, width)).save(path)
    return path


def shown(folder: Path, kind: DepthKind = DepthKind.METRIC) -> ShownDepth:
    """The upload with its depth."""
    return predict_upload(ramp(kind), upload(folder), tile="off", limits=Limits())
