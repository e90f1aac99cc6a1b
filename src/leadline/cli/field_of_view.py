# SPDX-License-Identifier: Apache-2.0
"""A predictor and a field of view enter; a predictor whose maps carry the camera that follows from it leaves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leadline.contracts.camera import Camera
from leadline.geometry.camera import pinhole_matrix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthKind, DepthMap
    from leadline.inference.predict_files import PredictsByNetwork
    from leadline.inference.preprocess import PreprocessSettings


class WithFieldOfView:
    """``predictor``, for pictures that all see ``field_of_view_deg`` degrees across, whatever their sizes."""

    def __init__(self, predictor: PredictsByNetwork, field_of_view_deg: float) -> None:
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
        return [dataclasses.replace(one, camera=self._camera(*one.values.shape)) for one in maps]

    def _camera(self, height: int, width: int) -> Camera:
        return Camera(matrix=pinhole_matrix(height, width, field_of_view_deg=self._field_of_view_deg))
