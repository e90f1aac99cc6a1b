# SPDX-License-Identifier: Apache-2.0
"""A predictor enters; one that looks at each picture several times, mirrored or at other sizes, and averages leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import UsageError
from leadline.geometry.multiples import nearest_multiple
from leadline.inference.agreement import robust_fit
from leadline.inference.predict_files import PredictsByNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.inference.preprocess import PreprocessSettings

TestTime = Literal["none", "flip", "multiscale", "flip+multiscale"]
SCALES = (1.0, 0.75, 1.25)
"""Sizes of the multi-scale looks beside the model's own: far enough to differ, near enough to what it was trained at."""
_FITTED_PIXELS = 100_000  # more do not move a fit of one or two numbers


@runtime_checkable
class Resizable(PredictsByNetwork, Protocol):
    """A predictor whose network can be shown pictures at another size; ``Predictor`` is one."""

    def resized(self, input_size: int) -> PredictsByNetwork:
        """The same network, shown pictures whose shorter side is ``input_size`` pixels."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One way to look at a picture.

    Attributes:
        predictor: what looks.
        mirrored: it sees the picture mirrored left to right, and its map is mirrored back.
    """

    predictor: PredictsByNetwork
    mirrored: bool


def with_test_time(predictor: PredictsByNetwork, choice: TestTime) -> PredictsByNetwork:
    """``predictor`` as it is for "none", else one that averages the looks of ``choice``.

    Raises:
        UsageError: an unknown choice, or "multiscale" for a network of one size.
    """
    if choice not in get_args(TestTime):
        raise UsageError(
            expected=f"a test-time choice of {', '.join(get_args(TestTime))}", got=repr(choice), remedy="use flip"
        )
    parts = choice.split("+")
    scaled = _scaled(predictor) if "multiscale" in parts else [predictor]
    mirrors = (False, True) if "flip" in parts else (False,)
    looks = [Look(predictor=one, mirrored=mirrored) for one in scaled for mirrored in mirrors]
    return predictor if len(looks) == 1 else AveragedPredictor(looks, choice)


def _scaled(predictor: PredictsByNetwork) -> list[PredictsByNetwork]:
    if not isinstance(predictor, Resizable):
        raise UsageError(
            expected="a network that takes pictures of any size for multiscale",
            got="one that was made for a single size",
            remedy="use flip, or the model itself with the torch runtime",
        )
    own = predictor.preprocessing
    sides = [nearest_multiple(scale * own.input_size, own.multiple) for scale in SCALES]
    return [predictor, *(predictor.resized(side) for side in dict.fromkeys(sides[1:]) if side != own.input_size)]


class AveragedPredictor:
    """The mean of several looks at each picture, in the space of the kind.

    Metres and pixels of disparity are averaged as they are.  Numbers with a free factor or offset are first fitted to those
    of the first look (``agreement.robust_fit``); a look that contradicts it is left out.

    Args:
        looks: at least one, all of one kind; the first one's numbers set factor and offset.
        choice: what the description calls them.
    """

    def __init__(self, looks: Sequence[Look], choice: str) -> None:
        self._looks = tuple(looks)
        self._choice = choice

    @property
    def description(self) -> Mapping[str, Any]:
        """The first look's, with the choice and the sizes at which the network looks."""
        sizes = dict.fromkeys(look.predictor.preprocessing.input_size for look in self._looks)
        return {**self._looks[0].predictor.description, "test_time": {"choice": self._choice, "input_sizes": list(sizes)}}

    @property
    def preprocessing(self) -> PreprocessSettings:
        """Of the look that needs the most of the network: who can hold it can hold the others."""
        return max((look.predictor.preprocessing for look in self._looks), key=lambda settings: settings.input_size)

    @property
    def kind(self) -> DepthKind:
        """The kind of all looks."""
        return self._looks[0].predictor.kind

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        """One (H, W) map per (H, W, 3) uint8 RGB picture, in order; valid where all the looks that count are.

        ``confidence``, where the looks have one, is their mean.  ``notes["looks_left_out"]`` counts contradictions.
        """
        means: list[_Mean] = []
        for look in self._looks:
            maps = _seen(look, pictures)
            if not means:
                means = [_Mean(one) for one in maps]
                continue
            for mean, one in zip(means, maps, strict=True):
                mean.add(one)
        return [mean.result() for mean in means]


def _seen(look: Look, pictures: Sequence[NDArray[np.uint8]]) -> list[DepthMap]:
    if not look.mirrored:
        return look.predictor.predict_batch(pictures)
    maps = look.predictor.predict_batch([np.ascontiguousarray(picture[:, ::-1]) for picture in pictures])
    return [_mirrored(one) for one in maps]


def _mirrored(one: DepthMap) -> DepthMap:
    confidence = None if one.confidence is None else one.confidence[:, ::-1]
    return replace(one, values=one.values[:, ::-1], valid=one.valid[:, ::-1], confidence=confidence)


class _Mean:
    """A running mean of looks at one picture."""

    def __init__(self, first: DepthMap) -> None:
        self._first = first
        self._sum, self._valid, self._count, self._left_out = first.values.copy(), first.valid.copy(), 1, 0
        self._confidence = None if first.confidence is None else first.confidence.copy()

    def add(self, look: DepthMap) -> None:
        scale, shift = 1.0, 0.0
        if not look.kind.in_true_units:
            fit = self._fit(look)
            if fit is None:
                self._left_out += 1
                return
            scale, shift = fit
        self._sum += look.values * np.float32(scale) + np.float32(shift)
        self._valid &= look.valid
        self._count += 1
        if self._confidence is not None and look.confidence is not None:
            self._confidence += look.confidence

    def _fit(self, look: DepthMap) -> tuple[float, float] | None:
        step = math.ceil(math.sqrt(look.values.size / _FITTED_PIXELS))
        some = (slice(None, None, step), slice(None, None, step))
        both = look.valid[some] & self._first.valid[some]
        both &= np.isfinite(look.values[some]) & np.isfinite(self._first.values[some])
        fit = robust_fit(predicted=look.values[some][both], target=self._first.values[some][both], kind=look.kind)
        return None if fit is None else (fit.scale, fit.shift)

    def result(self) -> DepthMap:
        share = np.float32(1 / self._count)
        return replace(
            self._first,
            values=self._sum * share,
            valid=self._valid,
            confidence=None if self._confidence is None else self._confidence * share,
            notes={**self._first.notes, "looks_left_out": self._left_out},
        )
