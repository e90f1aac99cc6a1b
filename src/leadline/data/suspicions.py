# SPDX-License-Identifier: Apache-2.0
"""A sample goes in, the reasons to doubt its tensors, unit, mask or camera come out, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.depth_map import DepthKind
from leadline.data.conventions import breaches_of_range, breaches_of_type
from leadline.data.decoding import POSITIVE_KINDS
from leadline.data.ray_length import holds_ray_length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from leadline.contracts.sample import Sample

UNDETECTABLE = (
    "Not visible in single maps: ray length stored as z-depth (unless a camera is known and clean planes show), a wrong "
    "factor that leaves plausible numbers (5000 per metre read as millimetres), a wrong focal length that "
    "leaves a plausible view, an inverted mask over numbers that look like depth, "
    "swapped red and blue; compare a known distance, or warp one frame into the next."
)

NEAREST_FAR_END_M = 0.3
"""No picture's farthest point is nearer than this; where it seems to be, a factor is wrong."""
FARTHEST_MEDIAN_M = 200.0
_LARGEST_UINT16_M = 65.535
_FEW_LEVELS = 8  # below this many different values, patterns among them mean nothing
_PLAUSIBLE_VIEW_DEG = (15.0, 140.0)
_SWAPPED_WITHIN = 0.08  # share of the picture by which a real principal point may miss where a swap would put it
_NEARLY_SQUARE = 0.15  # share by which the sides must differ before a swap can be told


def suspicions(sample: Sample) -> list[str]:
    """Reasons to doubt one sample: types, range of the picture, unit, mask, camera; empty where nothing shows.

    Where types are wrong nothing else is looked at.

    Every reason is a fixed sentence without numbers, so that equal findings of many images can be counted.
    :data:`UNDETECTABLE` says what no single map can show.

    Args:
        sample: image (3, H, W), depth and valid (H, W) or None; depths of kinds other than METRIC are only checked for
            emptiness, constancy and finite values.  Camera matrix (3, 3) in pixels.
    """
    if wrong_types := [f"{breach.got}: {breach.remedy}" for breach in breaches_of_type(sample)]:
        return wrong_types
    found = [f"{breach.got}: {breach.remedy}" for breach in breaches_of_range(sample)]
    found += _camera_doubts(sample)
    if sample.depth is None or sample.valid is None:
        return found
    depth, valid = sample.depth.numpy(), sample.valid.numpy()
    values = depth[valid]
    if values.size == 0:
        return [*found, "no valid pixel at all: is the mask inverted?"]
    if not np.isfinite(values).all() or (sample.kind is DepthKind.METRIC and (values <= 0).any()):
        return [*found, "valid pixels without a positive finite number: is the mask inverted?"]
    if values.min() == values.max():
        return [*found, "all valid pixels hold one and the same value"]
    if sample.kind is DepthKind.METRIC:
        found += [sentence for sentence, holds in _METRIC_CHECKS if holds(values)]
        found += ["most masked pixels hold plausible depths: is the mask inverted?"] if _masks_depth(depth, valid) else []
    if sample.kind in POSITIVE_KINDS and sample.camera is not None and holds_ray_length(depth, valid, sample.camera.matrix):
        found.append("planes are flat only if the numbers are lengths of rays: divide them by the length of (x, y, 1)")
    return found


def bottom_is_farther(sample: Sample) -> bool | None:
    """Whether the lowest quarter of the picture is farther than the highest, by medians; None where it cannot be said.

    Reads depth and valid (H, W), in any unit that grows with distance; "farther" is by more than a tenth.

    Ground lies before walls and sky in most pictures, so a set in which the bottom is nearly always farther holds disparity.
    """
    if sample.depth is None or sample.valid is None or sample.kind.near_is_large:
        return None
    depth, valid = sample.depth.numpy(), sample.valid.numpy()
    quarter = max(1, depth.shape[0] // 4)
    top, bottom = depth[:quarter][valid[:quarter]], depth[-quarter:][valid[-quarter:]]
    if top.size == 0 or bottom.size == 0:
        return None
    return float(np.median(bottom)) > 1.1 * float(np.median(top))


def _too_small(values: NDArray[np.float32]) -> bool:
    return float(values.max()) < NEAREST_FAR_END_M


def _too_large(values: NDArray[np.float32]) -> bool:
    return float(np.median(values)) > FARTHEST_MEDIAN_M


def _whole_numbers(values: NDArray[np.float32]) -> bool:
    return np.unique(values).size >= _FEW_LEVELS and bool((values == np.rint(values)).all())


def _multiples_of_eight(values: NDArray[np.float32]) -> bool:
    """Rotated left by three bits, every depth below 8.192 m is a multiple of 8; by chance one in eight is."""
    millimetres = values.astype(np.float64) * 1000.0
    whole = np.rint(millimetres)
    if np.abs(millimetres - whole).max() > 0.02 or np.unique(whole).size < _FEW_LEVELS or _whole_numbers(values):
        return False
    return float(np.mean(whole % 8 == 0)) >= 0.9


def _code_as_depth(values: NDArray[np.float32]) -> bool:
    return abs(float(values.max()) - _LARGEST_UINT16_M) < 1e-4


def _piled_at_the_end(values: NDArray[np.float32]) -> bool:
    return float(np.mean(values == values.max())) > 0.05


_METRIC_CHECKS: tuple[tuple[str, Callable[[NDArray[np.float32]], bool]], ...] = (
    (
        f"nothing is farther than {NEAREST_FAR_END_M} m: 8-bit values read as millimetres, or metres divided twice?",
        _too_small,
    ),
    (f"half of the pixels are beyond {FARTHEST_MEDIAN_M:g} m: millimetres or centimetres read as metres?", _too_large),
    ("every depth is a whole number of metres: stored numbers taken without their scale?", _whole_numbers),
    ("depths are multiples of 8 mm: SUN RGB-D's bit rotation not undone, 8 times too far?", _multiples_of_eight),
    ("the largest depth is 65.535 m: the code 65535 for 'no depth' read as a distance?", _code_as_depth),
    ("more than 5 % of the pixels share the largest depth: clamped, or a code read as a distance?", _piled_at_the_end),
)


def _masks_depth(depth: NDArray[np.float32], valid: NDArray[np.bool_]) -> bool:
    masked = depth[~valid]
    if masked.size <= valid.size // 2:
        return False
    with np.errstate(invalid="ignore"):
        return float(np.mean(np.isfinite(masked) & (masked > 0))) > 0.5


def _camera_doubts(sample: Sample) -> Iterator[str]:
    if sample.camera is None:
        return
    height, width = sample.image.shape[1:]
    fx, fy, cx, cy = (float(sample.camera.matrix[index]) for index in ((0, 0), (1, 1), (0, 2), (1, 2)))
    if fx <= 0 or fy <= 0:
        yield "a focal length is not positive: is the picture stored upside down?"
        return
    view_deg = math.degrees(2 * math.atan(width / (2 * fx)))
    if not _PLAUSIBLE_VIEW_DEG[0] <= view_deg <= _PLAUSIBLE_VIEW_DEG[1]:
        yield "the camera sees less than 15 or more than 140 degrees: intrinsics of another picture size?"
    if _exchanged(cx=cx, cy=cy, height=height, width=width):
        yield "the principal point is the middle of a picture of exchanged width and height: cx and cy swapped?"
    elif not (0.25 < cx / width < 0.75 and 0.25 < cy / height < 0.75):
        yield "the principal point is far from the middle: intrinsics of another picture size?"
    if not 0.8 < fx / fy < 1.25:
        yield "the focal lengths differ by more than a quarter: were width and height swapped?"


def _exchanged(*, cx: float, cy: float, height: int, width: int) -> bool:
    """Whether (cx, cy) is near (H / 2, W / 2) in a picture whose sides differ enough for that to mean something."""
    if abs(width - height) < _NEARLY_SQUARE * max(width, height):
        return False
    return abs(cx - height / 2) < _SWAPPED_WITHIN * height and abs(cy - width / 2) < _SWAPPED_WITHIN * width
