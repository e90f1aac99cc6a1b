# SPDX-License-Identifier: Apache-2.0
"""What a naive guess scores: training truth enters, predictors that never look at the picture leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError, DataError
from leadline.contracts.sample import Sample

GRID = (48, 64)
_PIXELS_PER_IMAGE = 4096  # enough for a median to four digits over hundreds of images


@dataclass(frozen=True, kw_only=True, slots=True)
class NaiveGuess:
    """A predictor that answers every picture with the same map, stretched to the picture's size.

    Attributes:
        name: e.g. "constant".
        guess_m: (h, w) metres; (1, 1) for a constant.
    """

    name: str
    guess_m: Tensor

    @property
    def kind(self) -> DepthKind:
        """Metres."""
        return DepthKind.METRIC

    @property
    def description(self) -> dict[str, object]:
        """What it is, for result files."""
        return {"baseline": self.name, "mean_m": round(float(self.guess_m.mean()), 4), "size": list(self.guess_m.shape)}

    def predict_batch(self, xs: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        """The guess for each (H, W, 3) picture, bilinearly stretched to (H, W) metres float32; METRIC, valid everywhere."""
        return [self._stretched(picture.shape[0], picture.shape[1]) for picture in xs]

    def _stretched(self, height: int, width: int) -> DepthMap:
        values = functional.interpolate(self.guess_m[None, None].float(), (height, width), mode="bilinear")[0, 0]
        return DepthMap(values=values.numpy(), valid=np.ones((height, width), np.bool_), kind=DepthKind.METRIC)


@dataclass(frozen=True, kw_only=True, slots=True)
class VerticalRamp:
    """A predictor that takes the top row of every picture for the far end and the bottom row for 0 m, linear between.

    The naive guess of the JEPA-depth reference, which knows no training data; its numbers are 1 to 0 in units of ``far_m``.

    Attributes:
        far_m: metres at the top.
    """

    far_m: float
    name: str = "vertical-ramp"

    @property
    def kind(self) -> DepthKind:
        """Metres."""
        return DepthKind.METRIC

    @property
    def description(self) -> dict[str, object]:
        """What it is, for result files."""
        return {"baseline": self.name, "far_m": self.far_m}

    def predict_batch(self, xs: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        """The ramp for each (H, W, 3) picture, (H, W) metres float32; METRIC, valid everywhere."""
        return [self._ramp(picture.shape[0], picture.shape[1]) for picture in xs]

    def _ramp(self, height: int, width: int) -> DepthMap:
        rows = np.linspace(self.far_m, 0.0, height, dtype=np.float32)
        values = np.repeat(rows[:, None], width, axis=1)
        return DepthMap(values=values, valid=np.ones((height, width), np.bool_), kind=DepthKind.METRIC)


def naive_guesses(samples: Iterable[Sample]) -> tuple[NaiveGuess, NaiveGuess]:
    """The best constant and the mean depth map of some training samples, read once.

    Args:
        samples: depth and validity (H, W) in metres, of any sizes; samples without depth are passed over.

    Returns:
        "constant", (1, 1): the median of the valid metres (the constant of least absolute error), each image giving equally
        many pixels; "mean-map", (48, 64): the mean metres of each cell of a grid laid over every picture, and the overall
        mean where a cell was never seen.  Both float64.

    Raises:
        ContractError: a sample's depth is not in metres.
        DataError: no sample has a valid pixel.
    """
    drawn, total, seen = [], torch.zeros(GRID, dtype=torch.float64), torch.zeros(GRID, dtype=torch.float64)
    for sample in samples:
        if sample.depth is None or sample.valid is None:
            continue
        _require_metres(sample)
        metres = sample.depth[sample.valid].double()
        if metres.numel():
            drawn.append(metres[_evenly(metres.numel())])
        valid = sample.valid.double()[None, None]
        known = torch.where(sample.valid, sample.depth.double(), 0.0)[None, None]
        total += functional.adaptive_avg_pool2d(known, GRID)[0, 0]
        seen += functional.adaptive_avg_pool2d(valid, GRID)[0, 0]
    if not drawn:
        raise DataError(expected="training samples with depth", got="not one valid pixel", remedy="pass the training split")
    overall = total.sum() / seen.sum()
    mean_map = torch.where(seen > 0, total / seen.clamp(min=1e-12), overall)
    constant = torch.cat(drawn).median().reshape(1, 1)
    return NaiveGuess(name="constant", guess_m=constant), NaiveGuess(name="mean-map", guess_m=mean_map)


def _require_metres(sample: Sample) -> None:
    if sample.kind is not DepthKind.METRIC:
        raise ContractError(
            expected="training samples with metric depth",
            got=f"{sample.key} with {sample.kind.value}",
            remedy="choose a dataset with depth in metres; relative depth has no naive guess",
        )


def _evenly(count: int) -> Tensor:
    """Equally spaced indices from 0 to ``count - 1``, in whole numbers: float32 cannot tell pixels beyond 2^24 apart."""
    return torch.arange(_PIXELS_PER_IMAGE) * (count - 1) // (_PIXELS_PER_IMAGE - 1)
