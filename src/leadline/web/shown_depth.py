# SPDX-License-Identifier: Apache-2.0
"""An uploaded picture and a predictor enter; the picture with its depth, ready to be shown, asked and saved, leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from leadline.contracts.errors import UsageError
from leadline.inference.tiles.tiled import TiledPredictor, TileSettings
from leadline.web.limits import Deadline, Limits, read_upload

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthMap
    from leadline.inference.predict_files import PredictsByNetwork

    OnTile = Callable[[int, int], None]

TILE_CHOICES = ("auto", "off", "512", "1024", "2048")
"""What the page offers; numbers are the side of a tile in pixels of the picture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownDepth:
    """One picture with its depth.

    Attributes:
        name: of the file, without folder and ending.
        rgb: (H, W, 3) uint8 RGB, upright.
        depth: (H, W) map in the unit of its kind: the model's own, or metres after a calibration on the page.
        predicted: the model's own map; the same object where nothing was calibrated.
        description: what made the map, JSON values.
        seconds: that the prediction took.
    """

    name: str
    rgb: NDArray[np.uint8]
    depth: DepthMap
    predicted: DepthMap
    description: Mapping[str, Any]
    seconds: float


def predict_upload(
    predictor: PredictsByNetwork, path: Path, *, tile: str, limits: Limits, on_tile: OnTile | None = None
) -> ShownDepth:
    """Read, predict, and keep what made it.

    Args:
        predictor: any.
        path: the uploaded file.
        tile: one of ``TILE_CHOICES``.
        limits: of file, picture and time.
        on_tile: told (tiles done, tiles in all).

    Raises:
        DataError: a file beyond the limits, or no whole picture.
        UsageError: another tile choice; the time ran out.
    """
    settings = _tile_settings(tile)
    rgb = read_upload(path, limits)
    deadline = Deadline(limits.time_s)

    def after_tile(done: int, total: int) -> None:
        deadline.check(done, total)
        if on_tile is not None:
            on_tile(done, total)

    looking = predictor if settings is None else TiledPredictor(predictor, settings, on_tile=after_tile)
    (depth,) = looking.predict_batch([rgb])
    description = {**looking.description, **depth.notes}
    return ShownDepth(
        name=path.stem, rgb=rgb, depth=depth, predicted=depth, description=description, seconds=deadline.elapsed_s
    )


def _tile_settings(tile: str) -> TileSettings | None:
    if tile not in TILE_CHOICES:
        raise UsageError(expected=f"tiles {', '.join(TILE_CHOICES)}", got=repr(tile), remedy="choose one of them")
    return None if tile == "off" else TileSettings(side_px=None if tile == "auto" else int(tile))


def as_predicted(shown: ShownDepth) -> ShownDepth:
    """The same without what was calibrated on the page."""
    plain = {name: value for name, value in shown.description.items() if name != "page_calibration"}
    return replace(shown, depth=shown.predicted, description=plain)


def value_at(shown: ShownDepth, x_px: int, y_px: int) -> str:
    """The number of one pixel with its unit, four digits; or that there is none.

    Args:
        shown: the picture.
        x_px, y_px: column and row, whole numbers from 0 at the upper left.

    Raises:
        UsageError: a pixel outside of the picture.
    """
    height, width = shown.depth.values.shape
    if not (0 <= x_px < width and 0 <= y_px < height):
        raise UsageError(
            expected=f"a pixel of the {width}x{height} picture", got=f"x {x_px}, y {y_px}", remedy="click into the picture"
        )
    value = float(shown.depth.values[y_px, x_px])
    if not (shown.depth.valid[y_px, x_px] and np.isfinite(value)):
        return "no depth here"
    unit = shown.depth.unit
    return f"{value:.4g} {unit}" if unit else f"{value:.4g} (no unit)"


def summary(shown: ShownDepth) -> str:
    """Size of the picture, how long it took, and in how many tiles where there were some."""
    height, width = shown.depth.values.shape
    tiling = shown.predicted.notes.get("tiling")
    tiles = f", {tiling['rows'] * tiling['columns']} tiles" if isinstance(tiling, dict) else ""
    return f"{width} × {height} pixels, {shown.seconds:.1f} s{tiles}"
