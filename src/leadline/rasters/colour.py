# SPDX-License-Identifier: Apache-2.0
"""Numbers become colours: a map of values enters, an 8-bit RGB picture leaves, with a legend that says what colours mean."""

from __future__ import annotations

import math
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from leadline.rasters.ticks import round_step, round_ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

INVALID_GREY = 128
PAPER, INK = (255, 255, 255), (20, 20, 24)
_LEVELS = 256
_ROWS_AT_ONCE = 128
_MIN_TEXT_PX = 12
_TICK_FACTORS = (1, 2, 2.5, 5)  # dense enough that two intervals never leave a legend without a number


class Ramp(Enum):
    """Which end of the numbers is warm and bright.

    ``DEPTH``: small values (near) are bright and warm, large ones dark and cool.  ``DISPARITY``: the reverse, so that near
    is warm in both.  ``ERROR``: zero is white, large is dark red.
    """

    DEPTH = "depth"
    DISPARITY = "disparity"
    ERROR = "error"


def colourise(
    values_HW: NDArray[np.floating], valid_HW: NDArray[np.bool_], *, low: float, high: float, ramp: Ramp = Ramp.DEPTH
) -> NDArray[np.uint8]:
    """Colour every pixel by its place between ``low`` and ``high``; values beyond them take the end colours.

    Args:
        values_HW: (H, W) numbers; NaN and infinities are taken for invalid.
        valid_HW: (H, W) bool; false pixels become mid grey, which no ramp contains.
        low, high: the ends of the scale in the unit of the values; on an empty scale (``high <= low``) values up to ``low``
            take the low end's colour, greater ones the high end's.
        ramp: which end is warm.

    Returns:
        (H, W, 3) uint8 RGB.

    Example:
        >>> colourise(np.array([[1.0, 9.0]]), np.array([[True, False]]), low=1.0, high=5.0)[0, 1].tolist()
        [128, 128, 128]
    """
    picture = np.empty((*values_HW.shape, 3), np.uint8)
    for start in range(0, len(values_HW), _ROWS_AT_ONCE):  # a scan of 24 megapixels would need half a gigabyte at once
        rows = slice(start, start + _ROWS_AT_ONCE)
        usable = valid_HW[rows] & np.isfinite(values_HW[rows])
        shown = np.where(usable, values_HW[rows], low).astype(np.float64)
        place = (np.clip(shown, low, high) - low) / (high - low) if high > low else (shown > low).astype(np.float64)
        picture[rows] = ramp_colours(ramp)[np.rint(place * (_LEVELS - 1)).astype(np.uint8)]
        picture[rows][~usable] = INVALID_GREY
    return picture


def robust_range(values: NDArray[np.floating], valid: NDArray[np.bool_]) -> tuple[float, float]:
    """The 2nd and 98th percentile of the valid, finite values; never an empty interval; (0, 1) where nothing is valid.

    Args:
        values: numbers of any shape, e.g. (H, W), in one unit.
        valid: bool, the same shape.

    >>> robust_range(np.array([5.0, np.nan]), np.array([True, True])), robust_range(np.zeros(1), np.zeros(1, bool))
    ((5.0, 5.05), (0.0, 1.0))
    """
    usable = values[valid & np.isfinite(values)]
    if usable.size == 0:
        return 0.0, 1.0
    full = usable.astype(np.promote_types(usable.dtype, np.float32), copy=False)
    low, high = (float(v) for v in np.percentile(full, (2.0, 98.0), overwrite_input=True))  # a copy of ours already
    if high <= low:
        high = low + max(abs(low) * 0.01, 1e-6)
    return low, high


@lru_cache(maxsize=len(Ramp))
def ramp_colours(ramp: Ramp) -> NDArray[np.uint8]:
    """The 256 colours of a ramp, from the low end of the scale to the high end.  Read-only (256, 3) uint8 RGB.

    Built in OKLCh (Ottosson 2020): lightness runs in equal steps, so equal differences of value look equally large and the
    picture survives greyscale printing; the hue walks blue, purple, red, orange, yellow, so that it is also easy to name.
    """
    t = np.linspace(0.0, 1.0, _LEVELS)
    if ramp is Ramp.ERROR:
        colours = _oklch_to_srgb(1.0 - 0.62 * t, 0.17 * np.minimum(1.0, 2.2 * t) * (1.0 - 0.15 * t), np.full_like(t, 28.0))
    else:
        lightness, chroma = 0.20 + 0.75 * t, 0.03 + 0.15 * np.sin(np.pi * (0.10 + 0.78 * t))
        colours = _oklch_to_srgb(lightness, chroma, 268.0 + 198.0 * t)
    if ramp is Ramp.DEPTH:
        colours = colours[::-1]
    colours = np.ascontiguousarray(colours)
    colours.setflags(write=False)
    return colours


def _oklch_to_srgb(
    lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue_deg: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """OKLCh to 8-bit sRGB, colours outside the gamut clipped.  (N,) each -> (N, 3).  Matrices: Ottosson 2020, "Oklab"."""
    hue = np.deg2rad(hue_deg)
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    lms_from_lab = np.array(
        [[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]]
    )
    rgb_from_lms = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip((lab @ lms_from_lab.T) ** 3 @ rgb_from_lms.T, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    quantised: NDArray[np.uint8] = np.rint(encoded * 255.0).astype(np.uint8)
    return quantised


def text_size_px(width: int) -> int:
    """Height of lettering that stays legible under a picture of this width when the whole is shown at screen size."""
    return max(_MIN_TEXT_PX, round(width / 40))


def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's built-in scalable font; no font file is looked for on the machine."""
    return ImageFont.load_default(size_px)


def with_legend(
    picture: NDArray[np.uint8], *, low: float, high: float, unit: str | None, title: str, ramp: Ramp = Ramp.DEPTH
) -> NDArray[np.uint8]:
    """Put a title above the picture and a colour bar with ticks and unit below it.

    Args:
        picture: (H, W, 3) uint8 RGB, coloured with the same ``low``, ``high`` and ``ramp``.
        low, high: ends of the scale in ``unit``.
        unit: ``"m"``, ``"px"`` or None for numbers without a unit, which the legend then says.
        title: what the numbers are; cut where it does not fit.
        ramp: the colours of the picture.

    Returns:
        (H + 4 or so text heights, W, 3) uint8 RGB; the picture itself is untouched inside.
    """
    canvas, top = legend_canvas(picture.shape[:2], scale=(low, high), unit=unit, title=title, ramp=ramp)
    canvas.paste(Image.fromarray(picture), (0, top))
    return np.asarray(canvas)


def legend_canvas(
    size: tuple[int, ...], *, scale: tuple[float, float], unit: str | None, title: str, ramp: Ramp
) -> tuple[Image.Image, int]:
    """A title, room for a picture of ``size`` (height, width), and a legend as in :func:`with_legend`.

    For pictures so large that they are pasted in bands, as a copy of the whole would be a hundred megabytes.

    Returns:
        The canvas, and the row at which the picture begins.
    """
    height, width = size
    text_px = text_size_px(width)
    top, bottom, margin = round(1.6 * text_px), round(2.9 * text_px), round(1.2 * text_px)
    canvas = Image.new("RGB", (width, top + height + bottom), PAPER)
    draw = ImageDraw.Draw(canvas)
    claim = title if unit else f"{title} (no unit)"
    draw.text((text_px // 3, top // 2), fitted(claim, width - text_px, text_px), fill=INK, font=font(text_px), anchor="lm")
    left, right, bar_top = margin, max(width - margin, margin + 1), top + height + round(0.5 * text_px)
    row = ramp_colours(ramp)[np.linspace(0, _LEVELS - 1, right - left).astype(int)]
    canvas.paste(Image.fromarray(np.repeat(row[None], text_px, axis=0)), (left, bar_top))
    draw.rectangle((left - 1, bar_top - 1, right, bar_top + text_px), outline=INK)
    _draw_ticks(draw, span_px=(left, right), top=bar_top + text_px, scale=scale, unit=unit)
    return canvas, top


def _draw_ticks(
    draw: ImageDraw.ImageDraw, *, span_px: tuple[int, int], top: int, scale: tuple[float, float], unit: str | None
) -> None:
    """Short strokes and numbers under the bar; a number that would touch its neighbour is left out, its stroke is not."""
    (left, right), (low, high) = span_px, scale
    size = text_size_px(right - left)
    text_font, free_from = font(size), float("-inf")
    for value in tick_values(low, high, count=max(2, min(6, round((right - left) / (4 * size))))):
        x = left + (value - low) / max(high - low, np.finfo(np.float64).tiny) * (right - left)
        label = f"{value:g} {unit}" if unit else f"{value:g}"
        half = text_font.getlength(label) / 2
        draw.line([(x, top), (x, top + size // 3)], fill=INK, width=max(1, size // 12))
        if x - half >= free_from:
            draw.text((x, top + size // 3), label, fill=INK, font=text_font, anchor="ma")
            free_from = x + half + size / 2


def tick_values(low: float, high: float, *, count: int) -> list[float]:
    """At most ``count + 1`` round numbers (1, 2, 2.5 or 5 times a power of ten apart) from ``low`` to ``high``.

    Example:
        >>> tick_values(0.9, 5.2, count=5)
        [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    return round_ticks(low, high, step=round_step(span / max(count, 1), factors=_TICK_FACTORS))


def fitted(text: str, width: int, size_px: int) -> str:
    """The text, shortened with an ellipsis until it is at most ``width`` pixels wide at this size."""
    text_font = font(size_px)
    if text_font.getlength(text) <= width:
        return text
    while text and text_font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
