# SPDX-License-Identifier: Apache-2.0
"""A small calibration file in one of the usual forms goes in, the rig of a rectified pair comes out."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError
from leadline.data.frame_calibration import Lens
from leadline.data.json_text import parse_json
from leadline.data.nyu_list import read_text
from leadline.data.stereo_pair import PairRig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CALIBRATION_NAMES = ("calibration.json", "calib.json", "calibration.txt", "calib.txt", "K.txt")
"""What the file may be called, in the order in which it is looked for."""

_FOCAL, _BASELINE = ("fx", "focal_px", "focal", "f"), ("baseline_m", "baseline")
_PROJECTIONS = (("P_rect_02", "P_rect_03"), ("P2", "P3"), ("P0", "P1"))
_LONGEST_UNNAMED_M = 5.0
_LINE = re.compile(r"\s*([A-Za-z_]\w*)\s*[:=\s]\s*(.*?)\s*")


def read_rig(path: Path, *, first_centre_px: float = 0.0) -> PairRig:
    """Read one of four forms.

    - JSON, or lines ``name: value`` or ``name=value``, with fx (or f), cx, cy, baseline_m (or baseline, in metres), and
      where known fy and width, the width of the pictures that the numbers belong to;
    - the matrix of nine numbers on the first line and the baseline in metres on the second (FoundationStereo's K.txt);
    - KITTI's projections P2 and P3, P0 and P1 or P_rect_02 and P_rect_03 (odometry ``calib.txt``);
    - Middlebury's ``cam0=[f 0 cx; 0 f cy; 0 0 1]`` with the baseline in millimetres and doffs=0.

    Args:
        path: the file.
        first_centre_px: where the file counts the centre of the first pixel: 0, as OpenCV and KITTI do, or 0.5.

    Raises:
        DataError: unreadable, a number that is missing or no number, a focal length or baseline that is not above 0, a
            baseline of no named unit above 5, two different cameras.
    """
    text = read_text(path)
    named = _named_of(path, text)
    shift = 0.5 - first_centre_px
    numbers = [_numbers(line) for line in text.splitlines() if line.strip()]
    if len(numbers) >= 2 and len(numbers[0]) == 9 and len(numbers[1]) == 1:
        matrix = numbers[0]
        return _checked(
            path, focal=(matrix[0], matrix[4]), centre=(matrix[2], matrix[5]), baseline=numbers[1][0], shift=shift
        )
    for left, right in _PROJECTIONS:
        if left in named and right in named:
            return rig_of_projections(_numbers(named[left]), _numbers(named[right]), path=path)
    if "cam0" in named:
        return _middlebury(path, named, shift)
    return _named_rig(path, named, shift)


def rig_of_projections(left: Sequence[float], right: Sequence[float], *, path: Path) -> PairRig:
    """The rig of two rectified KITTI cameras from their twelve numbers each, row by row, in pixels and pixels times metres.

    The distance is (P_left[0, 3] - P_right[0, 3]) / fx, 0.53273 m on 2011_09_26.  KITTI counts its first pixel centre as 0.

    Raises:
        DataError: not twelve numbers, or cameras of different focal length or centre (``path`` is named).
    """
    if len(left) != 12 or len(right) != 12:
        got = f"{path} with {len(left)} and {len(right)}"
        raise DataError(expected="twelve numbers for each projection", got=got, remedy="fetch the calibration again")
    if any(abs(left[place] - right[place]) > 0.01 for place in (0, 2, 5, 6)):
        raise DataError(
            expected="two rectified cameras of one focal length and one centre",
            got=f"{path} with fx {left[0]:g} and {right[0]:g}, cx {left[2]:g} and {right[2]:g}",
            remedy="rectify the pictures to one camera",
        )
    baseline = (left[3] - right[3]) / left[0] if left[0] else math.nan
    return _checked(path, focal=(left[0], left[5]), centre=(left[2], left[6]), baseline=baseline, shift=0.5)


def _named_rig(path: Path, named: Mapping[str, str], shift: float) -> PairRig:
    lacking = [names[0] for names in (_FOCAL, ("cx",), ("cy",), _BASELINE) if not any(name in named for name in names)]
    if lacking:
        raise DataError(
            expected="a calibration with fx, cx, cy and baseline_m",
            got=f"{path} without {', '.join(lacking)}",
            remedy='write e.g. {"fx": 721.5, "cx": 609.6, "cy": 172.9, "baseline_m": 0.54}',
        )
    focal = _number(path, named, *_FOCAL)
    baseline = _number(path, named, *_BASELINE)
    if "baseline_m" not in named and baseline > _LONGEST_UNNAMED_M:
        got = f"{baseline:g} in {path}"
        raise DataError(expected="a baseline in metres", got=got, remedy="write metres and call it baseline_m")
    width = _number(path, named, "width", "width_px") if {"width", "width_px"} & named.keys() else None
    return _checked(
        path,
        focal=(focal, _number(path, named, "fy") if "fy" in named else focal),
        centre=(_number(path, named, "cx"), _number(path, named, "cy")),
        baseline=baseline,
        shift=shift,
        width=width,
    )


def _middlebury(path: Path, named: Mapping[str, str], shift: float) -> PairRig:
    matrix = _numbers(named["cam0"].strip("[]").replace(";", " "))
    offset = _number(path, {"doffs": "0", **named}, "doffs")
    if len(matrix) != 9 or abs(offset) > 0.01:
        raise DataError(
            expected="cam0 of nine numbers, and doffs=0",
            got=f"{path} with {len(matrix)} numbers and doffs={offset:g}",
            remedy="move the right picture by doffs pixels, so that infinity has disparity 0",
        )
    width = _number(path, named, "width") if "width" in named else None
    baseline = _number(path, named, "baseline") / 1000.0
    return _checked(
        path, focal=(matrix[0], matrix[4]), centre=(matrix[2], matrix[5]), baseline=baseline, shift=shift, width=width
    )


def _checked(
    path: Path,
    *,
    focal: tuple[float, float],
    centre: tuple[float, float],
    baseline: float,
    shift: float,
    width: float | None = None,
) -> PairRig:
    if not all(math.isfinite(number) and number > 0 for number in (*focal, baseline, 1 if width is None else width)):
        raise DataError(
            expected="focal length, baseline and width above 0 (the right camera is to the right)",
            got=f"{path} with focal length {focal[0]:g}, {focal[1]:g} and baseline {baseline:g}",
            remedy="correct the calibration; where left and right are swapped, swap the pictures",
        )
    lens = Lens(focal_px=focal, centre_px=(centre[0] + shift, centre[1] + shift), width_px=width)
    return PairRig(lens=lens, baseline_m=baseline)


def _named_of(path: Path, text: str) -> dict[str, str]:
    """What the file says by name, each value as it is written."""
    if path.suffix.lower() != ".json":
        matches = (_LINE.fullmatch(line) for line in text.splitlines())
        return {found[1]: found[2] for found in matches if found}
    try:
        content = parse_json(text)
    except ValueError as error:
        raise DataError(expected="a calibration in JSON", got=f"{path} ({error})", remedy="correct the file") from error
    if not isinstance(content, dict):
        raise DataError(expected="names and values in JSON", got=str(path), remedy='write e.g. {"fx": 721.5, ...}')
    return {str(name): str(value) for name, value in content.items()}


def _number(path: Path, named: Mapping[str, str], *names: str) -> float:
    """The first of ``names`` that is there, as a number."""
    name = next((name for name in names if name in named), names[0])
    try:
        return float(named[name])
    except (KeyError, ValueError) as error:
        got = f"{named.get(name, 'nothing')!r} in {path}"
        raise DataError(expected=f"a number for '{name}'", got=got, remedy="correct the calibration") from error


def _numbers(text: str) -> list[float]:
    """The numbers of a line; none where anything on it is no number."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return []
