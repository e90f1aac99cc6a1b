# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leadline.cli.field_of_view import WithFieldOfView
from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.inference.preprocess import PreprocessSettings


class Flat:
    """Says that everything is one metre away."""

    description: Mapping[str, Any] = {"model": "flat"}
    preprocessing = PreprocessSettings()
    kind = DepthKind.METRIC

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        shapes = [picture.shape[:2] for picture in pictures]
        return [DepthMap(values=np.ones(shape, np.float32), valid=np.ones(shape, bool), kind=self.kind) for shape in shapes]


def test_with_field_of_view__gives_each_map_a_camera_of_its_size_and_says_so() -> None:
    predictor = WithFieldOfView(Flat(), 90.0)
    first, second = predictor.predict_batch([np.zeros((4, 8, 3), np.uint8), np.zeros((6, 2, 3), np.uint8)])
    assert first.camera is not None
    assert second.camera is not None
    assert torch.allclose(first.camera.matrix, torch.tensor([[4.0, 0, 4], [0, 4, 2], [0, 0, 1]]))
    assert torch.allclose(second.camera.matrix, torch.tensor([[1.0, 0, 1], [0, 1, 3], [0, 0, 1]]))
    assert predictor.description == {"model": "flat", "field_of_view_deg": 90.0}
    assert (predictor.kind, predictor.preprocessing) == (DepthKind.METRIC, PreprocessSettings())
