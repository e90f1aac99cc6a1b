# SPDX-License-Identifier: Apache-2.0
"""A small file with the numbers of one camera goes in, the camera of its pictures comes out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError
from leadline.data.frame import pinhole
from leadline.data.json_text import parse_json
from leadline.data.nyu_list import read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from leadline.contracts.camera import Camera

CAMERA_NAMES = ("calibration.json", "camera.json", "intrinsics.json", "intrinsics.txt", "camera-intrinsics.txt", "K.txt")
"""What the file may be called, in the order in which it is looked for."""

_PLACES = {4: (0, 1, 2, 3), 9: (0, 4, 2, 5), 10: (0, 4, 2, 5), 12: (0, 5, 2, 6)}
"""Where fx, fy, cx and cy stand: alone, in a 3x3 matrix (with FoundationStereo's baseline behind), in a 3x4 one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lens:
    """What a file says of a camera, all in pixels, pixel centres at +0.5; a width of None is that of the pictures."""

    focal_px: tuple[float, float]
    centre_px: tuple[float, float]
    width_px: float | None = None

    def camera(self, *, height_px: int, width_px: int, of: Path) -> Camera:
        """The camera (3, 3) of a picture, also of another width, if both sides were resized alike.

        Raises:
            DataError: the principal point is not in the picture ``of``: the numbers belong to another size.
        """
        share = 1.0 if self.width_px is None else width_px / self.width_px
        (fx, fy), (cx, cy) = self.focal_px, self.centre_px
        if not (0 < share * cx < width_px and 0 < share * cy < height_px):
            raise DataError(
                expected=f"a principal point inside the {height_px}x{width_px} picture {of}",
                got=f"({share * cx:g}, {share * cy:g})",
                remedy='state the width of the pictures that the numbers belong to, e.g. "width": 640',
            )
        return pinhole(focal_px=(share * fx, share * fy), centre_px=(share * cx, share * cy))


def camera_file_above(folder: Path, root: Path, names: Sequence[str] = CAMERA_NAMES) -> Path | None:
    """The camera's file in ``folder`` or in the nearest folder above it, up to ``root``; None where there is none."""
    for place in (folder, *folder.parents):
        found = next((place / name for name in names if (place / name).is_file()), None)
        if found is not None or place == root:
            return found
    return None


def read_lens(path: Path, *, first_centre_px: float = 0.0) -> Lens:
    """Read fx, fy (fx where it is missing), cx, cy and width by name from JSON, or a matrix or four numbers from a text.

    Args:
        path: the file.
        first_centre_px: where the file counts the centre of the first pixel: 0, as OpenCV does, or 0.5.

    Raises:
        DataError: unreadable, numbers that are missing or no numbers, a focal length that is not above 0.
    """
    text = read_text(path)
    (fx, fy, cx, cy), width = _named(path, text) if path.suffix.lower() == ".json" else (_listed(path, text), None)
    good = all(math.isfinite(number) for number in (fx, fy, cx, cy)) and min(fx, fy, 1 if width is None else width) > 0
    if not good:
        got = f"{path} with fx {fx:g}, fy {fy:g}, cx {cx:g}, cy {cy:g}"
        raise DataError(expected="a camera with focal lengths above 0 px", got=got, remedy="correct the file")
    shift = 0.5 - first_centre_px
    return Lens(focal_px=(fx, fy), centre_px=(cx + shift, cy + shift), width_px=width)


def _named(path: Path, text: str) -> tuple[tuple[float, float, float, float], float | None]:
    try:
        content = parse_json(text)
        width = float(content["width"]) if "width" in content else None
        fx, cx, cy = (float(content[name]) for name in ("fx", "cx", "cy"))
        return (fx, float(content.get("fy", fx)), cx, cy), width
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            expected="a camera in JSON with numbers for fx, cx, cy, and perhaps fy and width",
            got=f"{path} ({type(error).__name__}: {error})",
            remedy='write e.g. {"fx": 585, "cx": 320, "cy": 240}',
        ) from error


def _listed(path: Path, text: str) -> tuple[float, float, float, float]:
    try:
        numbers = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        numbers = []
    if len(numbers) not in _PLACES:
        raise DataError(
            expected="a camera matrix of 9 or 12 numbers, or fx fy cx cy",
            got=f"{path} with {len(numbers) or 'no'} numbers",
            remedy="write the three rows of the matrix",
        )
    fx, fy, cx, cy = (numbers[place] for place in _PLACES[len(numbers)])
    return fx, fy, cx, cy
