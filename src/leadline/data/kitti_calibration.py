# SPDX-License-Identifier: Apache-2.0
"""KITTI's calibration files go in; the rig of the two colour cameras, the picture size and the LiDAR's projection come out.

Geiger et al. 2013, "Vision meets Robotics: The KITTI Dataset", sec. III.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from leadline.contracts.errors import DataError
from leadline.data.frame_calibration import Lens
from leadline.data.nyu_list import read_text
from leadline.data.stereo_calibration import rig_of_projections
from leadline.data.stereo_pair import PairRig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

RigChoice: TypeAlias = Literal["calibrated", "nominal", "fixed"]
"""``calibrated``: camera and baseline of the day's file (0.53273 m on 2011_09_26); ``nominal``: its camera, but 0.54 m,
which most published numbers assume (1.4 % more); ``fixed``: one rig for every day, as TiO-Depth trains, no file is read."""

NOMINAL_BASELINE_M = 0.54
FIXED_RIG = PairRig(
    lens=Lens(focal_px=(721.54, 721.54), centre_px=(609.56 + 0.5, 172.85 + 0.5)), baseline_m=NOMINAL_BASELINE_M
)
"""TiO-Depth's ``is_fixK``; 2 % off in focal length on 2011_09_28 and 2011_09_30."""


def read_calibration(path: Path) -> dict[str, NDArray[np.float64]]:
    """The lines of a calibration file whose values are numbers, by name; dates and the like are passed over.

    Raises:
        DataError: the file is missing or unreadable.
    """
    if not path.is_file():
        raise DataError(
            expected=f"the calibration {path.name}",
            got=f"no {path}",
            remedy="unpack KITTI's calibration archive of that day there, or set the option calibration=fixed",
        )
    lines = (line.partition(":")[::2] for line in read_text(path).splitlines())
    return {name.strip(): numbers for name, words in lines if (numbers := _numbers(words)) is not None}


def kitti_rig(path: Path, choice: RigChoice) -> PairRig:
    """The rig of the two colour cameras from ``calib_cam_to_cam.txt``, or the fixed one without reading it.

    Raises:
        DataError: no such file, or one without P_rect_02 and P_rect_03.
    """
    if choice == "fixed":
        return FIXED_RIG
    numbers = read_calibration(path)
    left, right = (_entry(numbers, name, 12, path) for name in ("P_rect_02", "P_rect_03"))
    rig = rig_of_projections(left.tolist(), right.tolist(), path=path)
    if choice == "calibrated":
        return rig
    return PairRig(lens=rig.lens, baseline_m=NOMINAL_BASELINE_M)


def rectified_size(numbers: Mapping[str, NDArray[np.float64]]) -> tuple[int, int] | None:
    """(height, width) of the left colour pictures; None where the file does not state S_rect_02."""
    stated = numbers.get("S_rect_02")
    return None if stated is None or stated.size != 2 else (round(float(stated[1])), round(float(stated[0])))


def pixels_from_lidar(cam_to_cam: Path, velo_to_cam: Path) -> NDArray[np.float64]:
    """(3, 4): homogeneous LiDAR points in metres -> (column * z, row * z, z) of the left colour picture.

    ``P_rect_02 R_rect_00 [R|T]``; columns and rows count the first pixel centre as 0, z in metres.

    Raises:
        DataError: a file that is missing or lacks one of the matrices.
    """
    camera, lidar = read_calibration(cam_to_cam), read_calibration(velo_to_cam)
    projection = _entry(camera, "P_rect_02", 12, cam_to_cam).reshape(3, 4)
    rectify, move = np.eye(4), np.eye(4)
    rectify[:3, :3] = _entry(camera, "R_rect_00", 9, cam_to_cam).reshape(3, 3)
    move[:3, :3] = _entry(lidar, "R", 9, velo_to_cam).reshape(3, 3)
    move[:3, 3] = _entry(lidar, "T", 3, velo_to_cam)
    return projection @ rectify @ move


def _entry(numbers: Mapping[str, NDArray[np.float64]], name: str, count: int, path: Path) -> NDArray[np.float64]:
    found = numbers.get(name)
    if found is None or found.size != count:
        raise DataError(
            expected=f"{name} of {count} numbers",
            got=f"{path} {'without it' if found is None else f'with {found.size}'}",
            remedy="fetch the calibration of that day again",
        )
    return found


def _numbers(words: str) -> NDArray[np.float64] | None:
    try:
        return np.array([float(word) for word in words.split()])
    except ValueError:
        return None
