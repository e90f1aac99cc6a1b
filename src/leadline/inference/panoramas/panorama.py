# SPDX-License-Identifier: Apache-2.0
"""A predictor for ordinary pictures and 360-degree panoramas enter; equirectangular maps that close on themselves leave."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError, UsageError
from leadline.inference.panoramas.joint_fit import joint_fit
from leadline.inference.panoramas.views import (
    FIELD_OF_VIEW_DEG,
    View,
    all_views,
    even_directions,
    panorama_directions,
    rendered,
    sampled,
)
from leadline.inference.tiles.seams import REACH_PX, seam_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.inference.predict_files import PredictsByNetwork
    from leadline.inference.preprocess import PreprocessSettings

    OnView = Callable[[int, int], None]

_FITTED_DIRECTIONS = 20_000  # two degrees apart; a pair of neighbouring views shares a thousand
_BAND_PIXELS = 500_000  # of the panorama, looked up together
_ASPECT_TOLERANCE = 0.01
_WHOLE = 0.999  # four valid neighbours, but for rounding


class PanoramaPredictor:
    """``predictor``, for equirectangular pictures of 360 x 180 degrees.

    Twelve overlapping views of 100 degrees (``panoramas.views``) are predicted at the network's size, fitted to each other
    (``joint_fit``), turned from z-depth into length of the ray, and blended.  The maps of depth kinds hold ray
    lengths (metres for ``METRIC``), those of disparity kinds their reciprocals, each up to what the kind leaves free:
    a panorama has no optical axis along which z could be measured.

    Beside the picture, memory holds one float32 and one bool map of its size (with confidence two float32 maps), the views'
    maps, and a band of rows.

    Args:
        predictor: anything that turns arrays into maps; it sees square pictures.
        on_view: called with (views done, views in all) of the panorama at hand.

    Raises:
        UsageError: a kind in pixels of a stereo pair, which means nothing between views.
    """

    def __init__(self, predictor: PredictsByNetwork, on_view: OnView | None = None) -> None:
        if predictor.kind is DepthKind.STEREO_DISPARITY:
            raise UsageError(
                expected="a model of depth or relative disparity for a panorama",
                got=f"one of {predictor.kind.value}",
                remedy="choose another model",
            )
        self._predictor = predictor
        self._on_view = on_view

    @property
    def description(self) -> Mapping[str, Any]:
        """The predictor's; each map's own notes say how its views were fitted."""
        return self._predictor.description

    @property
    def preprocessing(self) -> PreprocessSettings:
        """The predictor's, for each view."""
        return self._predictor.preprocessing

    @property
    def kind(self) -> DepthKind:
        """The predictor's."""
        return self._predictor.kind

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        """One (H, W) map per (H, W, 3) uint8 RGB panorama, in order; ``notes["panorama"]`` says what its numbers are.

        Raises:
            DataError: a picture that is not twice as wide as high.
        """
        return [self._predicted(picture) for picture in pictures]

    def _predicted(self, picture: NDArray[np.uint8]) -> DepthMap:
        _check_aspect(picture)
        side_px = self.preprocessing.input_size
        small, views, maps = _shrunk(picture, side_px), all_views(), []
        for view in views:
            maps += self._predictor.predict_batch([rendered(small, view, side_px)])
            if self._on_view is not None:
                self._on_view(len(maps), len(views))
        scales, shifts = _fit(views, maps)
        layers = [_layers(*each) for each in zip(maps, scales, shifts, strict=True)]
        blended, valid = _blended(views, layers, self.kind, picture.shape[:2])
        notes = {"panorama": _notes(self.kind, side_px, scales, shifts) | {"wrap_ratio": _wrap_ratio(blended[0], valid)}}
        confidence = blended[1] if len(blended) > 1 else None
        return DepthMap(values=blended[0], valid=valid, kind=self.kind, confidence=confidence, notes=notes)


def _check_aspect(picture: NDArray[np.uint8]) -> None:
    height, width = picture.shape[:2]
    if height < 2 or abs(width / (2 * height) - 1) > _ASPECT_TOLERANCE:
        raise DataError(
            expected="an equirectangular panorama, twice as wide as high",
            got=f"a picture of {width}x{height} pixels",
            remedy="predict ordinary pictures without --panorama",
        )


def _shrunk(picture: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """The panorama at most as fine as the middle of a view, averaged, so that views do not alias."""
    width = math.ceil(math.pi * side_px / math.tan(math.radians(FIELD_OF_VIEW_DEG / 2)))
    if picture.shape[1] <= width:
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, width // 2), Image.Resampling.BOX))


def _fit(views: Sequence[View], maps: Sequence[DepthMap]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    directions = even_directions(_FITTED_DIRECTIONS)
    values, cosines, seen = [], [], []
    for view, one in zip(views, maps, strict=True):
        places, cosine = view.plane(directions)
        inside = (cosine > 0) & (np.abs(places) < 1).all(axis=1)
        usable = (one.valid & np.isfinite(one.values)).astype(np.float32)
        value, sound = np.zeros(len(directions)), np.zeros(len(directions), bool)
        value[inside] = sampled(np.where(usable > 0, one.values, np.float32(0)), places[inside])
        sound[inside] = sampled(usable, places[inside]) > _WHOLE
        values.append(value)
        cosines.append(cosine)
        seen.append(sound)
    return joint_fit(values=np.stack(values), cosine=np.stack(cosines), valid=np.stack(seen), kind=maps[0].kind)


def _layers(one: DepthMap, scale: float, shift: float) -> list[NDArray[np.float32]]:
    """Validity as numbers, fitted values and, where there is one, confidence: what is sampled for the blend."""
    usable = one.valid & np.isfinite(one.values)
    fitted = np.where(usable, one.values * np.float32(scale) + np.float32(shift), np.float32(0))
    return [usable.astype(np.float32), fitted] + ([] if one.confidence is None else [one.confidence])


def _blended(
    views: Sequence[View], layers: Sequence[Sequence[NDArray[np.float32]]], kind: DepthKind, size: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(1 or 2, H, W) ray lengths or their reciprocals and confidence, and (H, W) where any view is valid."""
    height, width = size
    blended, valid = np.zeros((len(layers[0]) - 1, height, width), np.float32), np.zeros((height, width), bool)
    step = max(1, _BAND_PIXELS // width)
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        directions = panorama_directions(rows, (height, width))
        sums, total = np.zeros((len(blended), len(directions)), np.float32), np.zeros(len(directions), np.float32)
        for view, (usable, *maps) in zip(views, layers, strict=True):
            places, cosine = view.plane(directions)
            inside = np.flatnonzero((cosine > 0) & (np.abs(places) < 1).all(axis=1))
            at, along = places[inside], cosine[inside].astype(np.float32)
            weight = np.cos(np.pi / 2 * at).prod(axis=1).astype(np.float32) ** 2 * (sampled(usable, at) > _WHOLE)
            per_ray = along if kind.near_is_large else 1 / along
            for layer, (each, factor) in enumerate(zip(maps, (per_ray, np.float32(1)), strict=False)):
                sums[layer, inside] += weight * sampled(each, at) * factor
            total[inside] += weight
        known = total > 0
        blended[:, rows] = (sums / np.where(known, total, 1)).reshape(len(blended), -1, width)
        valid[rows] = known.reshape(-1, width)
    return blended, valid


def _notes(kind: DepthKind, side_px: int, scales: NDArray[np.float64], shifts: NDArray[np.float64]) -> dict[str, object]:
    length = "length of the ray from the centre, not z-depth"
    return {
        "projection": "equirectangular, 360 x 180 degrees",
        "values": f"reciprocal of the {length}" if kind.near_is_large else length,
        "views": len(scales),
        "view_px": side_px,
        "view_field_of_view_deg": FIELD_OF_VIEW_DEG,
        "scales": scales.tolist(),
        "shifts": shifts.tolist(),
    }


def _wrap_ratio(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> float | None:
    """``seam_ratio`` of the line at which the right rim meets the left."""
    reach = min(2 * REACH_PX, values.shape[1] // 2)
    rim = [np.concatenate([each[:, -reach:], each[:, :reach]], axis=1) for each in (values, valid)]
    return seam_ratio(rim[0], rim[1], rows=[], columns=[reach])
