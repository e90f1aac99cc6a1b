# SPDX-License-Identifier: Apache-2.0
"""Predictors that are formulas, so that what is done around them can be checked against numbers that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.inference.preprocess import PreprocessSettings

Formula = Callable[[NDArray[np.uint8]], NDArray[np.floating]]


class FormulaPredictor:
    """Whatever ``formula`` makes of a picture, invalid where it makes NaN; its network sees ``input_size`` pixels."""

    def __init__(
        self,
        formula: Formula,
        kind: DepthKind = DepthKind.AFFINE_DISPARITY,
        *,
        input_size: int = 14,
        confidence: Formula | None = None,
    ) -> None:
        self.formula, self.kind, self.confidence = formula, kind, confidence
        self.preprocessing = PreprocessSettings(input_size=input_size)
        self.seen: list[tuple[int, ...]] = []
        self.batches: list[int] = []

    @property
    def description(self) -> Mapping[str, object]:
        return {"model": "a formula"}

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        self.batches.append(len(pictures))
        return [self._map(picture) for picture in pictures]

    def _map(self, picture: NDArray[np.uint8]) -> DepthMap:
        self.seen.append(picture.shape)
        values = np.asarray(self.formula(picture), np.float32)
        confidence = None if self.confidence is None else self.confidence(picture).astype(np.float32)
        return DepthMap(values=values, valid=np.isfinite(values), kind=self.kind, confidence=confidence)


def red(picture: NDArray[np.uint8]) -> NDArray[np.floating]:
    """The red channel: what an identity network would say."""
    return picture[..., 0].astype(np.float64)


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 in 1..255."""
    return np.random.default_rng(seed).integers(1, 256, (height, width, 3), dtype=np.uint8)
