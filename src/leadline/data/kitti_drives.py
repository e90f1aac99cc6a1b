# SPDX-License-Identifier: Apache-2.0
"""Where KITTI keeps things: a list or a folder goes in; frames, the paths of their files and their cameras come out."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError
from leadline.data.frame import pinhole
from leadline.data.nyu_list import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from leadline.contracts.camera import Camera

_DRIVE = r"(?P<drive>(?P<date>\d{4}_\d\d_\d\d)_drive_\d{4}_sync)"
_PICTURE = re.compile(rf"(?:^|/){_DRIVE}/image_0(?P<camera>[23])/data/(?P<number>\d+)\.(?:png|jpg)$")
_DRIVE_FOLDER = re.compile(rf"(?:^|/){_DRIVE}$")
_CAMERA_OF_SIDE = {"l": "image_02", "r": "image_03"}


@dataclass(frozen=True, slots=True)
class KittiFrame:
    """One frame: recording day, drive, ``image_02`` or ``image_03``, number, and whether its list gives it depth."""

    date: str
    drive: str
    camera: str
    number: int
    has_truth: bool = True

    @property
    def key(self) -> str:
        """``drive/camera/number``."""
        return f"{self.drive}/{self.camera}/{self.number:010d}"


@dataclass(frozen=True, slots=True)
class KittiPlaces:
    """Where pictures and depth lie: the folder above the dates, and the truth folder of each drive."""

    pictures: Path
    truth: dict[str, Path]
    truth_root: Path

    def picture(self, frame: KittiFrame) -> Path:
        """The picture, PNG or, where only that is there, the JPEG that many keep instead."""
        folder = self.pictures / frame.date / frame.drive / frame.camera / "data"
        png, jpeg = folder / f"{frame.number:010d}.png", folder / f"{frame.number:010d}.jpg"
        return jpeg if jpeg.is_file() and not png.is_file() else png

    def pictures_of(self, frames: Iterable[KittiFrame]) -> list[Path]:
        """As ``picture``, for many frames: each folder is listed once, which is quick on network disks too."""

        @cache
        def listed(date: str, drive: str, camera: str) -> tuple[Path, frozenset[str]]:
            folder = self.pictures / date / drive / camera / "data"
            try:
                return folder, frozenset(os.listdir(folder))  # noqa: PTH208 (names are all that is wanted)
            except OSError:
                return folder, frozenset()

        paths = []
        for frame in frames:
            folder, names = listed(frame.date, frame.drive, frame.camera)
            png, jpeg = f"{frame.number:010d}.png", f"{frame.number:010d}.jpg"
            paths.append(folder / (jpeg if jpeg in names and png not in names else png))
        return paths

    def depth(self, frame: KittiFrame) -> Path:
        """The depth PNG; where the drive has none, the place it should have."""
        folder = self.truth.get(frame.drive, self.truth_root / frame.drive)
        return folder / frame.camera / f"{frame.number:010d}.png"

    def sweep(self, frame: KittiFrame) -> Path:
        """The LiDAR sweep of a frame."""
        return self.pictures / frame.date / frame.drive / "velodyne_points" / "data" / f"{frame.number:010d}.bin"

    def calibration(self, date: str) -> tuple[Path, Path]:
        """The files of a day for the cameras among each other, and for LiDAR and camera."""
        return self.pictures / date / "calib_cam_to_cam.txt", self.pictures / date / "calib_velo_to_cam.txt"

    def frames(self) -> list[KittiFrame]:
        """Every frame that has a depth PNG, sorted by drive, camera and number."""
        return [
            KittiFrame(drive[:10], drive, camera.name, int(path.stem))
            for drive, folder in sorted(self.truth.items())
            for camera in sorted(folder.glob("image_0[23]"))
            for path in sorted(camera.glob("*.png"))
            if path.stem.isdigit()
        ]


def truth_below(root: Path, kind: str) -> KittiPlaces:
    """Find the date folders and ``DRIVE/proj_depth/KIND`` at most two folders below ``root``."""
    depths = ("", "*/", "*/*/", "*/*/*/")
    dates = next((found for depth in depths[:3] for found in sorted(root.glob(f"{depth}????_??_??"))), None)
    truth = {
        path.parent.parent.name: path
        for depth in depths
        for path in sorted(root.glob(f"{depth}*_sync/proj_depth/{kind}"))
        if _DRIVE_FOLDER.search(path.parent.parent.name)
    }
    return KittiPlaces(dates.parent if dates else root, truth, root)


def read_frame_list(path: Path) -> list[tuple[str, KittiFrame]]:
    """The frames of a list with the line of each, e.g. ``"line 3"``.

    Lines: ``picture depth [focal]``, of which only the picture's drive, camera and number and a depth of ``None`` are read,
    so that absolute paths of other machines do no harm; or ``drive frame l|r``.

    Raises:
        DataError: unreadable, a line of neither form (with its number), no lines.
    """
    frames = []
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        if words := text.split():
            frames.append((f"line {line}", _frame_of(words, f"line {line} of {path}")))
    if not frames:
        raise DataError(
            expected="at least one frame", got=f"{path} without lines", remedy="check that this is the right list"
        )
    return frames


def rectified_cameras(path: Path) -> dict[str, Camera]:
    """The rectified cameras of a day by folder name, from calib_cam_to_cam.txt; none where the file is not there.

    Raises:
        DataError: the file is there without P_rect_02 and P_rect_03 of twelve numbers.
    """
    if not path.is_file():
        return {}
    lines = dict(line.partition(": ")[::2] for line in read_text(path).splitlines())
    try:
        return {f"image_0{n}": _pinhole_of([float(word) for word in lines[f"P_rect_0{n}"].split()]) for n in (2, 3)}
    except (KeyError, ValueError, IndexError) as error:
        raise DataError(
            expected="P_rect_02 and P_rect_03, twelve numbers each",
            got=f"{path} ({type(error).__name__}: {error})",
            remedy="fetch the calibration of that day again",
        ) from error


def _pinhole_of(projection: list[float]) -> Camera:
    fx, cx, fy, cy = projection[0], projection[2], projection[5], projection[6]
    return pinhole(focal_px=(fx, fy), centre_px=(cx + 0.5, cy + 0.5))  # KITTI counts its first pixel centre as 0


def _frame_of(words: list[str], place: str) -> KittiFrame:
    picture = _PICTURE.search(words[0])
    if picture and len(words) in {2, 3}:
        has_truth = words[1].lower() != "none"
        return KittiFrame(
            picture["date"], picture["drive"], f"image_0{picture['camera']}", int(picture["number"]), has_truth
        )
    drive = _DRIVE_FOLDER.search(words[0])
    if drive and len(words) == 3 and words[1].isdigit() and words[2] in _CAMERA_OF_SIDE:
        return KittiFrame(drive["date"], drive["drive"], _CAMERA_OF_SIDE[words[2]], int(words[1]))
    raise DataError(
        expected="'picture depth [focal]' with a path into a KITTI drive, or 'drive frame l|r'",
        got=f"{place}: {' '.join(words)[:100]!r}",
        remedy="mend or remove the line",
    )
