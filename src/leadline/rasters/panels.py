# SPDX-License-Identifier: Apache-2.0
"""Pictures side by side: 8-bit RGB panels and depth maps enter, one labelled picture leaves, in memory or as a PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from leadline.contracts.errors import ContractError
from leadline.rasters.atomic import atomically
from leadline.rasters.colour import INK, PAPER, Ramp, colourise, fitted, font, robust_range, text_size_px, with_legend

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthMap

LEGIBLE_WIDTH_PX = 320
SPARSE = 0.1  # below this share of known pixels a map is points, which nobody sees one by one
_LARGEST_POINT = 1 / 60  # of the picture's width


def tile(rows: Sequence[Sequence[NDArray[np.uint8]]], *, titles: Sequence[str] = (), pad: int = 8) -> NDArray[np.uint8]:
    """Lay pictures out as a grid on white.

    Args:
        rows: pictures (H, W, 3) uint8 RGB, of any sizes; each column is as wide as its widest picture, each row as high as
            its highest.  Rows may differ in length.
        titles: one label per column, written above the first row; none if empty.
        pad: pixels between pictures and around the grid.

    Returns:
        (H, W, 3) uint8 RGB.

    >>> tile([[np.zeros((4, 10, 3), np.uint8)] * 2], pad=1).shape
    (6, 23, 3)
    """
    columns = max((len(row) for row in rows), default=0)
    widths = [max(row[c].shape[1] for row in rows if c < len(row)) for c in range(columns)]
    heights = [max((picture.shape[0] for picture in row), default=0) for row in rows]
    size = text_size_px(min(widths, default=0))
    header = round(1.6 * size) if titles else 0
    canvas = Image.new("RGB", (sum(widths) + pad * (columns + 1), header + sum(heights) + pad * (len(rows) + 1)), PAPER)
    draw, lefts = ImageDraw.Draw(canvas), [pad + sum(widths[:c]) + pad * c for c in range(columns)]
    for title, left, width in zip(titles, lefts, widths, strict=False):
        draw.text((left, pad + header // 2), fitted(title, width, size), fill=INK, font=font(size), anchor="lm")
    top = header + pad
    for row, height in zip(rows, heights, strict=True):
        for picture, left in zip(row, lefts, strict=False):
            canvas.paste(Image.fromarray(picture), (left, top))
        top += height + pad
    return np.asarray(canvas)


def captioned(picture: NDArray[np.uint8], caption: str) -> NDArray[np.uint8]:
    """The picture under a strip with one line of text, cut where it does not fit.  (H, W, 3) -> (H + strip, W, 3) uint8."""
    height, width = picture.shape[:2]
    size = text_size_px(width)
    strip = round(1.6 * size)
    canvas = Image.new("RGB", (width, height + strip), PAPER)
    canvas.paste(Image.fromarray(picture), (0, strip))
    text = fitted(caption, width - size, size)
    ImageDraw.Draw(canvas).text((size // 3, strip // 2), text, fill=INK, font=font(size), anchor="lm")
    return np.asarray(canvas)


def enlarged(picture: NDArray[np.uint8], width: int = LEGIBLE_WIDTH_PX) -> NDArray[np.uint8]:
    """Repeat pixels k times each way until the picture is at least ``width`` wide, so that lettering is legible.

    (H, W, 3) uint8 -> (kH, kW, 3) with the smallest such k; a picture wide enough is returned as it is.

    >>> enlarged(np.zeros((4, 100, 3), np.uint8), width=250).shape
    (12, 300, 3)
    """
    times = -(-width // max(picture.shape[1], 1))
    return picture.repeat(times, axis=0).repeat(times, axis=1) if times > 1 else picture


def enlarged_points(
    values: NDArray[np.floating], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Draw each known pixel of a sparse map as a square, so that laser points can be seen; for display only.

    The squares are about as wide as the points are apart, at most a sixtieth of the width; where they meet, the nearer
    point wins.  A map of which :data:`SPARSE` or more is known is returned as it is.

    Args:
        values: (H, W) numbers; those that are not valid are not read.
        valid: (H, W) bool.

    Returns:
        (H, W) numbers, 0 where nothing is shown, and where there is something to show.

    >>> int(enlarged_points(np.eye(1, 60), np.eye(1, 60) > 0)[1].sum())  # 3 pixels wide, one of them outside
    2
    """
    share = float(valid.mean()) if valid.size else 0.0
    if not 0 < share < SPARSE:
        return values, valid
    widest_px = max(3.0, valid.shape[1] * _LARGEST_POINT)
    reach = round((min(share**-0.5, widest_px) - 1) / 2)  # points are about share^-1/2 pixels apart
    steps = range(-reach, reach + 1)
    rows, columns = np.nonzero(valid)
    drawn, shown = np.pad(valid, reach), np.pad(np.where(valid, values, 0), reach)
    for down, right in sorted(((y, x) for y in steps for x in steps), key=lambda one: -(one[0] ** 2 + one[1] ** 2)):
        at = rows + reach + down, columns + reach + right  # farthest first, so that the nearest point is written last
        drawn[at], shown[at] = True, values[rows, columns]
    inside = slice(reach, reach + valid.shape[0]), slice(reach, reach + valid.shape[1])
    return shown[inside], drawn[inside]


def comparison(
    rgb: NDArray[np.uint8], truth: DepthMap | None, prediction: DepthMap, *, low: float, high: float
) -> NDArray[np.uint8]:
    """RGB | truth | prediction | error in one row; truth and prediction share the scale ``low``..``high``.

    Without truth the row is RGB | prediction.  The error is the absolute difference where both are valid, on a scale of its
    own from zero to its 98th percentile.  Sparse truth and its error are drawn with :func:`enlarged_points`.

    Args:
        rgb: (H, W, 3) uint8 picture.
        truth: (H, W) map of the same kind as the prediction, or None.
        prediction: (H, W) map; align it first where it claims less than the truth.
        low, high: ends of the shared scale in the unit of the maps.

    Returns:
        (h, w, 3) uint8 RGB; small pictures are enlarged to be legible.

    Raises:
        ContractError: kinds or sizes differ.
    """
    _refuse_mismatch(rgb, truth, prediction)
    row = [captioned(enlarged(rgb), "RGB")]
    for name, shown in (("truth", truth), ("prediction", prediction)):
        if shown is not None:
            row.append(_depth_panel(shown, name, low=low, high=high))
    if truth is not None:
        row.append(_error_panel(truth, prediction))
    return tile([row])


def _depth_panel(shown: DepthMap, name: str, *, low: float, high: float) -> NDArray[np.uint8]:
    ramp = Ramp.DISPARITY if shown.kind.near_is_large else Ramp.DEPTH
    values, valid = enlarged_points(shown.values, shown.valid)
    picture = enlarged(colourise(values, valid, low=low, high=high, ramp=ramp))
    said = "grey: no value" if valid is shown.valid else "points enlarged"
    title = name if bool(shown.valid.all()) else f"{name} ({said})"
    return with_legend(picture, low=low, high=high, unit=shown.unit, title=title, ramp=ramp)


def _error_panel(truth: DepthMap, prediction: DepthMap) -> NDArray[np.uint8]:
    both = truth.valid & prediction.valid
    error = np.zeros(both.shape, np.float32)
    np.subtract(prediction.values, truth.values, out=error, where=both)
    _, high = robust_range(np.abs(error), both)
    picture = enlarged(colourise(*enlarged_points(np.abs(error), both), low=0.0, high=high, ramp=Ramp.ERROR))
    return with_legend(picture, low=0.0, high=high, unit=truth.unit, title="absolute error", ramp=Ramp.ERROR)


def _refuse_mismatch(rgb: NDArray[np.uint8], truth: DepthMap | None, prediction: DepthMap) -> None:
    for name, size in (("picture", rgb.shape[:2]), ("truth", None if truth is None else truth.values.shape)):
        if size is not None and size != prediction.values.shape:
            raise ContractError(
                expected=f"a {name} of the prediction's size {prediction.values.shape}",
                got=f"{size}",
                remedy="bring both to one size before comparing them",
            )
    if truth is not None and truth.kind is not prediction.kind:
        raise ContractError(
            expected=f"a prediction of the truth's kind {truth.kind.value}",
            got=prediction.kind.value,
            remedy="align it with leadline.geometry.alignment.align first",
        )


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a PNG under a temporary name in the same folder, then rename, so that no half-written file is ever seen.

    Args:
        path: where to; the folder is created.
        picture: (H, W, 3) uint8 RGB.

    Raises:
        StorageError: the folder cannot be written or the disk is full.
    """
    with atomically(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
