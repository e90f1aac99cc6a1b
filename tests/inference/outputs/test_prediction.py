# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError
from leadline.inference.outputs.prediction import Prediction


def metres(*size: int) -> DepthMap:
    return DepthMap(values=np.ones(size, np.float32), valid=np.ones(size, bool), kind=DepthKind.METRIC)


def test_prediction__holds_a_map_and_its_picture() -> None:
    prediction = Prediction(depth=metres(2, 3), rgb=np.zeros((2, 3, 3), np.uint8), description={"model": "a"})
    assert prediction.camera is None


@pytest.mark.parametrize(("depth", "picture"), [((2, 3), (3, 2, 3)), ((2, 3), (2, 3)), ((0, 3), (0, 3, 3))])
def test_prediction__refuses_a_picture_of_another_size_or_of_nothing(
    depth: tuple[int, ...], picture: tuple[int, ...]
) -> None:
    with pytest.raises(DataError):
        Prediction(depth=metres(*depth), rgb=np.zeros(picture, np.uint8), description={})
