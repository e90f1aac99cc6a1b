# SPDX-License-Identifier: Apache-2.0
"""A predictor and pictures with known depths enter; what it says at those points leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.errors import DataError
from leadline.inference.calibration.known_depths import KnownDepths, pixels
from leadline.inference.clips.grid import sampled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthKind
    from leadline.contracts.predictor import Predicts


@dataclass(frozen=True, kw_only=True, slots=True)
class Observations:
    """What a model says where the depth is known.

    Attributes:
        kind: of the model's numbers.
        predicted: (N,) float64 in the model's own numbers.
        depth_m: (N,) float64 z-depth in metres.
        picture: (N,) int64 in [0, P), which picture each point belongs to.
        elsewhere: (M,) float64, the model's numbers all over the pictures, to see where a calibration would fail.
    """

    kind: DepthKind
    predicted: NDArray[np.float64]
    depth_m: NDArray[np.float64]
    picture: NDArray[np.int64]
    elsewhere: NDArray[np.float64]


def observe(
    predictor: Predicts, known: Sequence[KnownDepths], on_progress: Callable[[int], None] | None = None
) -> Observations:
    """Predict each picture and look up its points.  Points where the model has no usable number are left out.

    Raises:
        DataError: a picture that cannot be read, a point outside of its picture, no usable point.
    """
    predicted, depths, picture, elsewhere = [], [], [], []
    for index, one in enumerate(known):
        (depth,) = predictor.predict_batch([one.read()])
        rows, columns = pixels(one, *depth.values.shape)
        values = depth.values[rows, columns].astype(np.float64)
        usable = depth.valid[rows, columns] & np.isfinite(values)
        predicted.append(values[usable])
        depths.append(one.depth_m[usable])
        picture.append(np.full(int(usable.sum()), index, np.int64))
        cells, seen = sampled(depth)
        elsewhere.append(cells[seen].astype(np.float64))
        if on_progress is not None:
            on_progress(index + 1)
    if not sum(map(len, predicted)):
        raise DataError(
            expected="points at which the model has a number", got="none", remedy="check the points and the pictures"
        )
    return Observations(
        kind=predictor.kind,
        predicted=np.concatenate(predicted),
        depth_m=np.concatenate(depths),
        picture=np.unique(np.concatenate(picture), return_inverse=True)[1].astype(np.int64),
        elsewhere=np.concatenate(elsewhere),
    )
