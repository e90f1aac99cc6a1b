# SPDX-License-Identifier: Apache-2.0
"""A depth map and what is known of it enter; files leave: numbers, rasters, points, colours, and JSON that explains them."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from PIL import Image

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.inference.outputs.points import POINTS_OF, write_glb_points, write_ply_points
from leadline.rasters.atomic import atomically
from leadline.rasters.colour import Ramp, colourise, legend_canvas, robust_range
from leadline.rasters.depth_files import write_exr, write_npy, write_pfm, write_png16_millimetres
from leadline.rasters.panels import enlarged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path, PurePath

    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthMap
    from leadline.inference.outputs.prediction import Prediction

    FloatWriter = Callable[[Path, NDArray[np.float32], NDArray[np.bool_]], None]

logger = logging.getLogger(__name__)

OutputFormat = Literal["npy", "png16", "exr", "pfm", "ply", "glb", "color"]
ENDINGS: dict[OutputFormat, str] = {
    "npy": ".npy",
    "png16": "_depth.png",
    "exr": ".exr",
    "pfm": ".pfm",
    "ply": ".ply",
    "glb": ".glb",
    "color": "_color.png",
}
_LEVELS = 65535
_ROWS_AT_ONCE = 128
KIND_TITLES = {
    DepthKind.METRIC: "depth",
    DepthKind.SCALE_INVARIANT: "depth up to scale",
    DepthKind.AFFINE_DEPTH: "depth up to scale and offset",
    DepthKind.AFFINE_DISPARITY: "inverse depth up to scale and offset",
    DepthKind.STEREO_DISPARITY: "disparity",
}


def save_prediction(
    folder: Path, stem: PurePath | str, prediction: Prediction, formats: Sequence[OutputFormat]
) -> list[Path]:
    """Write ``<stem>.json`` and one file per format; the JSON last, so that where it stands, the rest stands too.

    ``npy``, ``exr`` and ``pfm`` hold float32 (H, W), NaN where invalid.  ``png16`` (``<stem>_depth.png``) holds 16-bit
    millimetres, 0 where invalid; the JSON says ``value = stored * scale + offset``, which for kinds other than metres is
    chosen per picture.  ``ply`` and ``glb`` are point clouds
    (``leadline.rasters.point_cloud`` states their frames), ``color`` (``<stem>_color.png``) a legible picture.

    Valid pixels that are not finite keep their value in the three float formats and are counted in the JSON, whose least,
    middle and greatest value are of the finite ones; the others cannot hold them and leave them out, which is logged.

    Args:
        folder: the output folder; sub-folders in ``stem`` are made.
        stem: name without ending, relative to ``folder``.
        prediction: what to write.
        formats: which files beside the JSON.

    Returns:
        The paths written, the JSON last.

    Raises:
        UsageError: an unknown format, or points from a map that is not in metres.
        DataError: values and mask differ in shape (``npy``, ``exr``, ``pfm``).
        StorageError: read-only folder or full disk; no file is left half-written.
        MissingExtraError: ``exr`` without OpenEXR.
    """
    check_formats(formats, prediction.depth.kind)
    facts: dict[str, Any] = {}
    paths: list[Path] = []
    for name in dict.fromkeys(formats):
        path = output_path(folder, stem, ENDINGS[name])
        facts[name] = {"file": path.name, **_WRITERS[name](path, prediction)}
        paths.append(path)
    record = output_path(folder, stem, ".json")
    text = json.dumps(_record(prediction) | {"files": facts}, indent=2, allow_nan=False)
    with atomically(record) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return [*paths, record]


def output_path(folder: Path, stem: PurePath | str, ending: str) -> Path:
    """``folder / stem`` with an ending put behind it; a dot in the stem stays."""
    place = folder / stem
    return place.with_name(place.name + ending)


def check_format_names(formats: Sequence[str]) -> None:
    """Refuse, before a model is even loaded, formats that do not exist.

    Raises:
        UsageError: says which.
    """
    for name in formats:
        if name not in get_args(OutputFormat):
            raise UsageError(
                expected=f"formats among {', '.join(get_args(OutputFormat))}", got=repr(name), remedy="correct --save"
            )


def check_formats(formats: Sequence[str], kind: DepthKind) -> None:
    """Refuse, before anything is computed, formats that do not exist or that this kind of depth cannot fill.

    Raises:
        UsageError: says which.
    """
    check_format_names(formats)
    for name, kinds in POINTS_OF.items():
        if name in formats and kind not in kinds:
            raise UsageError(
                expected=f"depth whose points keep their shape for {name}: {' or '.join(sorted(k.value for k in kinds))}",
                got=f"a model that predicts {kind.value}",
                remedy=f"leave out {name}, use a metric model, or turn this one into one with `leadline calibrate`",
            )


def _record(prediction: Prediction) -> dict[str, Any]:
    depth = prediction.depth
    known = depth.values[depth.valid]
    height, width = depth.values.shape
    return {
        "kind": depth.kind.value,
        "unit": depth.unit,
        "height": height,
        "width": width,
        "valid_fraction": float(depth.valid.mean()),
        "values": _statistics(known) if known.size else None,
        **prediction.description,
    }


def _statistics(known: NDArray[np.float32]) -> dict[str, Any]:
    """What the valid values are like; null where none is finite, which JSON could not hold.  Reorders ``known``."""
    usable = np.isfinite(known)
    finite = known if usable.all() else known[usable]
    lost = known.size - finite.size
    if not finite.size:
        return {"min": None, "median": None, "max": None, "not_finite": lost}
    low, high = _extremes(finite)
    middle = [(finite.size - 1) // 2, finite.size // 2]
    finite.partition(middle)  # in place: of a large picture every copy is a hundred megabytes
    return {"min": low, "median": sum(map(float, finite[middle])) / 2, "max": high, "not_finite": lost}


def _write_floats(write: FloatWriter, facts: dict[str, Any], path: Path, prediction: Prediction) -> dict[str, Any]:
    write(path, prediction.depth.values, prediction.depth.valid)
    return facts


def _write_png16(path: Path, prediction: Prediction) -> dict[str, Any]:
    """Millimetres for metres; for other kinds the levels 1..65535 stretched from the least to the greatest finite value."""
    depth = prediction.depth
    if depth.kind is DepthKind.METRIC:
        write_png16_millimetres(path, depth.values, depth.valid)
        return {"scale": 0.001, "offset": 0.0, "invalid": 0}
    holdable = depth.valid & np.isfinite(depth.values)
    _say_left_out(path, depth, holdable)
    low, high = _extremes(depth.values[holdable])
    scale = max((high - low) / (_LEVELS - 1), np.finfo(np.float32).tiny.item())
    offset = low - scale
    levels = np.rint((np.where(holdable, depth.values, low).astype(np.float64) - offset) / scale)
    stored = np.where(holdable, levels.clip(1, _LEVELS), 0).astype(np.uint16)
    with atomically(path) as temporary:
        Image.fromarray(stored).save(temporary, format="PNG")
    return {"scale": scale, "offset": offset, "invalid": 0}


def _extremes(known: NDArray[np.float32]) -> tuple[float, float]:
    return (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)


def _say_left_out(path: Path, depth: DepthMap, kept: NDArray[np.bool_]) -> None:
    lost = int(np.count_nonzero(depth.valid & ~kept))
    if lost:
        logger.warning("%s: %d pixels that are valid but not finite are left out", path, lost)


def _write_color(path: Path, prediction: Prediction) -> dict[str, Any]:
    """Coloured in bands on the one canvas, for a copy of a large picture is a hundred megabytes."""
    depth = prediction.depth
    low, high = robust_range(depth.values, depth.valid)
    ramp = Ramp.DISPARITY if depth.kind.near_is_large else Ramp.DEPTH

    def band(start: int) -> NDArray[np.uint8]:
        rows = slice(start, start + _ROWS_AT_ONCE)
        return enlarged(colourise(depth.values[rows], depth.valid[rows], low=low, high=high, ramp=ramp))

    height, width = depth.values.shape
    times = enlarged(np.empty((1, width, 3), np.uint8)).shape[0]
    canvas, top = legend_canvas(
        (times * height, times * width), scale=(low, high), unit=depth.unit, title=KIND_TITLES[depth.kind], ramp=ramp
    )
    for start in range(0, height, _ROWS_AT_ONCE):
        canvas.paste(Image.fromarray(band(start)), (0, top + times * start))
    with atomically(path) as temporary:
        canvas.save(temporary, format="PNG")
    return {"low": low, "high": high}


_WRITERS: dict[OutputFormat, Callable[[Path, Prediction], dict[str, Any]]] = {
    "npy": partial(_write_floats, write_npy, {}),
    "png16": _write_png16,
    "exr": partial(_write_floats, write_exr, {"channel": "Z"}),
    "pfm": partial(_write_floats, write_pfm, {}),
    "ply": write_ply_points,
    "glb": write_glb_points,
    "color": _write_color,
}
