# SPDX-License-Identifier: Apache-2.0
"""A shown depth enters; one piece of HTML leaves: both pictures under a slider, a legend, and the numbers to hover over.

Nothing in it is fetched: pictures are data URIs, and the numbers travel as a PNG whose red and green hold 16 bits a pixel.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from leadline.inference.outputs.files import KIND_TITLES
from leadline.rasters.colour import Ramp, colourise, ramp_colours, robust_range, tick_values
from leadline.web.shown_depth import summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthMap
    from leadline.web.known_points import KnownPoint
    from leadline.web.shown_depth import ShownDepth

SHOWN_SIDE_PX = 1400
"""Longer side of what is sent to the browser; the click's answer and the downloads are of the full size."""
_LEVELS = 65535
_TICKS, _STOPS = 6, 16


def view_html(shown: ShownDepth, points: Sequence[KnownPoint] = ()) -> str:
    """The whole view; ``viewer.BEHAVIOUR`` brings it to life.

    Args:
        shown: the picture with its depth.
        points: drawn as numbered marks.
    """
    depth = shown.depth
    height, width = depth.values.shape
    rows, columns = _shown_grid(height, width)
    low, high = robust_range(depth.values, depth.valid)
    ramp = Ramp.DISPARITY if depth.kind.near_is_large else Ramp.DEPTH
    values, valid = depth.values[rows][:, columns], depth.valid[rows][:, columns]
    coloured = colourise(values, valid, low=low, high=high, ramp=ramp)
    numbers, scale = packed_numbers(values, valid)
    facts = {"width": width, "height": height, "unit": depth.unit, **scale}
    picture = Image.fromarray(shown.rgb).resize((len(columns), len(rows)), Image.Resampling.BOX)
    return (
        f'<figure class="leadline-view" style="--ratio:{width / height:.6f}" data-facts="{escape(json.dumps(facts))}">'
        f'<div class="stage" style="aspect-ratio:{width}/{height}" role="img" aria-label="picture and depth">'
        f'<img class="depth" draggable="false" alt="depth" src="{_uri(coloured, "PNG")}">'
        f'<img class="photo" draggable="false" alt="picture" src="{_uri(np.asarray(picture), "JPEG")}">'
        f'<img class="numbers" alt="" hidden src="{_uri(numbers, "PNG")}">'
        f'{_marks(points, width, height)}<div class="divider" aria-hidden="true"></div>'
        '<output class="readout" aria-live="off"></output></div>'
        '<input class="slider" type="range" min="0" max="100" value="50" step="0.5" aria-label="picture left, depth right">'
        f"{legend_html(depth, low=low, high=high, ramp=ramp)}"
        f"<figcaption>{escape(summary(shown))}</figcaption></figure>"
    )


def packed_numbers(
    values_HW: NDArray[np.float32], valid_HW: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], dict[str, float]]:
    """(H, W) numbers -> (H, W, 3) uint8: high byte, low byte, 255 where valid; and the scale that brings them back.

    value = low + (256 high_byte + low_byte) * step; the step is 1/65535 of the range.
    """
    usable = valid_HW & np.isfinite(values_HW)
    known = values_HW[usable].astype(np.float64)
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    step = (high - low) / _LEVELS
    levels = np.rint((np.where(usable, values_HW, low) - low) / step) if step > 0 else np.zeros(values_HW.shape)
    whole = levels.astype(np.uint16)
    return np.stack([whole >> 8, whole & 255, np.where(usable, 255, 0)], -1).astype(np.uint8), {"low": low, "step": step}


def legend_html(depth: DepthMap, *, low: float, high: float, ramp: Ramp) -> str:
    """A bar of the ramp's colours with round numbers under it, each with the unit; what has none says so."""
    colours = ramp_colours(ramp)[np.linspace(0, 255, _STOPS).astype(int)]
    gradient = ",".join(f"rgb({red} {green} {blue})" for red, green, blue in colours.tolist())
    unit = f" {depth.unit}" if depth.unit else ""
    ticks = "".join(
        f'<span style="left:{100 * (value - low) / (high - low):.2f}%">{value:g}{unit}</span>'
        for value in tick_values(low, high, count=_TICKS)
    )
    near, far = ("far", "near") if depth.kind.near_is_large else ("near", "far")
    claim = KIND_TITLES[depth.kind] + ("" if depth.unit else " (no unit)")
    return (
        f'<div class="legend"><div class="title"><span>{near}</span><b>{escape(claim)}</b><span>{far}</span></div>'
        f'<div class="bar" style="background:linear-gradient(to right,{gradient})"></div>'
        f'<div class="ticks">{ticks}</div></div>'
    )


def _marks(points: Sequence[KnownPoint], width: int, height: int) -> str:
    places = [(100 * (point.x_px + 0.5) / width, 100 * (point.y_px + 0.5) / height) for point in points]
    return "".join(
        f'<span class="mark" style="left:{left:.3f}%;top:{top:.3f}%">{number}</span>'
        for number, (left, top) in enumerate(places, start=1)
    )


def _shown_grid(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns that are sent: all, or the middle ones of equal cells where the picture is larger."""
    factor = min(1.0, SHOWN_SIDE_PX / max(height, width))
    return _middles(height, factor), _middles(width, factor)


def _middles(size: int, factor: float) -> NDArray[np.intp]:
    count = max(1, round(size * factor))
    return ((np.arange(count) + 0.5) * size / count).astype(np.intp)


def _uri(picture: NDArray[np.uint8], form: str) -> str:
    file = io.BytesIO()
    if form == "JPEG":
        Image.fromarray(picture).save(file, format=form, quality=90)
    else:
        Image.fromarray(picture).save(file, format=form, compress_level=3)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
