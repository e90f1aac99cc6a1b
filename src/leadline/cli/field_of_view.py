# SPDX-License-Identifier: Apache-2.0
"""A predictor and a field of view enter; a predictor whose maps carry the camera that follows from it leaves."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from leadline.contracts.sample import Camera

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthKind, DepthMap
    from leadline.inference.predict_files import Predicts
    from leadline.inference.preprocess import PreprocessSettings


class WithFieldOfView:
    """``predictor``, for pictures that all see ``field_of_view_deg`` degrees across, whatever their sizes."""

    def __init__(self, predictor: Predicts, field_of_view_deg: float) -> None:
        self._predictor = predictor
        self._field_of_view_deg = field_of_view_deg

    @property
    def description(self) -> Mapping[str, Any]:
        """The predictor's, and the field of view."""
        return {**self._predictor.description, "field_of_view_deg": self._field_of_view_deg}

    @property
    def preprocessing(self) -> PreprocessSettings:
        """The predictor's."""
        return self._predictor.preprocessing

    @property
    def kind(self) -> DepthKind:
        """The predictor's."""
        return self._predictor.kind

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        """The predictor's maps, each with a camera of its own size."""
        maps = self._predictor.predict_batch(pictures)
        return [
            dataclasses.replace(one, camera=pinhole(*one.values.shape, field_of_view_deg=self._field_of_view_deg))
            for one in maps
        ]


def pinhole(height: int, width: int, *, field_of_view_deg: float) -> Camera:
    """A camera with square pixels that looks through the middle of the picture and sees so many degrees across.

    >>> pinhole(2, 4, field_of_view_deg=90.0).matrix.round(decimals=4).tolist()
    [[2.0, 0.0, 2.0], [0.0, 2.0, 1.0], [0.0, 0.0, 1.0]]
    """
    focal_px = width / (2 * math.tan(math.radians(field_of_view_deg) / 2))
    return Camera(matrix=torch.tensor([[focal_px, 0.0, width / 2], [0.0, focal_px, height / 2], [0.0, 0.0, 1.0]]))
