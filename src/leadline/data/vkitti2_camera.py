# SPDX-License-Identifier: Apache-2.0
"""The intrinsic.txt of Virtual KITTI 2 go in, or nothing does; the camera of a frame comes out, in our pixel coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadline.contracts.camera import Camera
from leadline.contracts.errors import DataError
from leadline.data.nyu_list import read_text
from leadline.geometry.camera import intrinsic_matrix, resized_camera

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (375, 1242)
"""Height and width of the pictures of the release."""
PUBLISHED = (725.0087, 725.0087, 620.5, 187.0)
"""fx, fy, cx, cy as the release states them for all frames, the centre of the first pixel at 0."""

_HEADER = ["frame", "cameraID", "K[0,0]", "K[1,1]", "K[0,2]", "K[1,2]"]
_MOST_STRETCH = 1.01

Numbers = tuple[float, float, float, float]


@dataclass(frozen=True)
class Vkitti2Cameras:
    """(fx, fy, cx, cy) by scene/variation, then frame and camera, as the release counts pixels."""

    stated: dict[str, dict[tuple[int, int], Numbers]]

    @classmethod
    def of(cls, root: Path, folders: list[str]) -> Vkitti2Cameras:
        """Read ``<root>/<scene>/<variation>/intrinsic.txt`` of all ``folders`` that have one.

        Raises:
            DataError: a line that is not frame, camera and four numbers.
        """
        paths = {folder: root / folder / "intrinsic.txt" for folder in folders}
        return cls({folder: _read(path) for folder, path in paths.items() if path.is_file()})

    def camera(self, folder: str, frame: int, camera: int, size: tuple[int, int]) -> Camera:
        """The camera of a frame whose picture has ``size`` (height, width); of a resized copy, resized with it.

        Raises:
            DataError: intrinsic.txt lacks the frame; a picture of other proportions, which was cropped nobody knows where.
        """
        fx, fy, cx, cy = self._numbers(folder, frame, camera)
        stretch = (size[1] / SIZE[1]) / (size[0] / SIZE[0])
        if not 1 / _MOST_STRETCH < stretch < _MOST_STRETCH:
            raise DataError(
                expected=f"pictures of {SIZE[0]}x{SIZE[1]}, or the same made smaller",
                got=f"{size[0]}x{size[1]} in {folder}, frame {frame}",
                remedy="take the pictures of the release; cropping belongs into training",
            )
        # The release puts the first pixel's centre at 0 (620.5 is the middle of 1242 columns so counted); ours is at 0.5.
        matrix = intrinsic_matrix(focal_px=(fx, fy), centre_px=(cx + 0.5, cy + 0.5))
        return Camera(matrix=resized_camera(matrix, old_size=SIZE, new_size=size))

    def _numbers(self, folder: str, frame: int, camera: int) -> Numbers:
        if folder not in self.stated:
            return PUBLISHED
        if (frame, camera) not in self.stated[folder]:
            raise DataError(
                expected=f"frame {frame} of camera {camera} in {folder}/intrinsic.txt",
                got="no such line",
                remedy="unpack the archive textgt again, or remove the file: all cameras of the release are alike",
            )
        return self.stated[folder][frame, camera]


def _read(path: Path) -> dict[tuple[int, int], Numbers]:
    cameras: dict[tuple[int, int], Numbers] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split()
        if not words or words == _HEADER:
            continue
        try:
            frame, camera, (fx, fy, cx, cy) = int(words[0]), int(words[1]), (float(word) for word in words[2:])
            if not (fx > 0 and fy > 0 and abs(cx) + abs(cy) < float("inf")):
                raise ValueError(line)
        except (ValueError, IndexError) as error:
            raise DataError(
                expected="frame, camera, fx, fy, cx, cy",
                got=f"line {number} of {path}: {line[:80]!r}",
                remedy="unpack the archive textgt again",
            ) from error
        cameras[frame, camera] = (fx, fy, cx, cy)
    return cameras
