# SPDX-License-Identifier: Apache-2.0
"""What a model says where the depth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError
from leadline.inference.calibration.known_depths import KnownDepths
from leadline.inference.calibration.observations import observe


class Red:
    """The red channel, invalid where it is 0."""

    description: Mapping[str, object] = {"model": "red"}
    kind = DepthKind.AFFINE_DISPARITY

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        maps = [picture[..., 0].astype(np.float32) for picture in pictures]
        return [DepthMap(values=m, valid=m > 0, kind=self.kind) for m in maps]


def known(start: int, x: list[float], y: list[float]) -> KnownDepths:
    picture = np.zeros((4, 5, 3), np.uint8)
    picture[..., 0] = start + np.arange(20).reshape(4, 5)
    return KnownDepths(
        key=f"p{start}", read=lambda: picture, x_px=np.array(x), y_px=np.array(y), depth_m=np.arange(1.0, len(x) + 1.0)
    )


def test_observe__looks_up_each_point_in_its_own_picture() -> None:
    done: list[int] = []
    seen = observe(Red(), [known(0, [3.5, 0.0], [2.5, 0.0]), known(100, [4.0], [3.0])], done.append)
    assert seen.predicted.tolist() == [13.0, 119.0]  # pixel (0, 0) of the first is invalid
    assert seen.depth_m.tolist() == [1.0, 1.0]
    assert seen.picture.tolist() == [0, 1]
    assert seen.kind is DepthKind.AFFINE_DISPARITY
    assert seen.elsewhere.size == 39
    assert done == [1, 2]


def test_observe__pictures_without_a_usable_point_do_not_count() -> None:
    seen = observe(Red(), [known(0, [0.0], [0.0]), known(50, [1.0], [1.0]), known(70, [2.0], [0.0])])
    assert seen.picture.tolist() == [0, 1]


def test_observe__refuses_where_nothing_is_left() -> None:
    for given in ([], [known(0, [0.0], [0.0])]):
        with pytest.raises(DataError, match="points at which the model has a number"):
            observe(Red(), given)
