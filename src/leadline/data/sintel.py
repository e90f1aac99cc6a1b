# SPDX-License-Identifier: Apache-2.0
"""MPI Sintel with its depth: a scene and frame go in; picture of one pass, depth, mask and camera come out.

Butler et al. 2012.  23 animated scenes of 436x1024.  Depth is planar z in the film's own metres, float32, known everywhere;
the sky is merely very far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, Sample
from leadline.data.decoding import decode_linear
from leadline.data.frame import Frame, image_tensor, pinhole, require_files, require_some
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.rasters.images import read_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from leadline.contracts.camera import Camera

NAME = "sintel"
TAG = 202021.25
"""First number of every .dpt and .cam file; read with the wrong byte order it is another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SintelSettings:
    """Options of dataset ``sintel``."""

    render: Literal["final", "clean"] = "final"
    """``final``: with motion blur, fog and depth of field; ``clean``: without."""
    farthest_m: float = 1000.0
    """What lies farther is sky or backdrop and has no depth."""


@dataclass(frozen=True, slots=True)
class Sintel:
    """The frames of all scenes, sorted by scene and number."""

    frames: tuple[Frame, ...]
    cameras: tuple[Path, ...]  # one per frame, or none at all
    farthest_m: float
    name: str = NAME

    @property
    def provides(self) -> frozenset[Field]:
        """Depth, and the camera where camdata_left is there."""
        return frozenset({Field.IMAGE, Field.DEPTH} | ({Field.CAMERA} if self.cameras else set()))

    def __len__(self) -> int:
        return len(self.frames)

    def key(self, index: int, /) -> str:
        """``scene/frame_NNNN``."""
        return self.frames[index].key

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1], depth (H, W) metres, valid (H, W), matrix (3, 3) pixels where known.

        Raises:
            DataError: a damaged file, or depth of another size than the picture.
        """
        frame = self.frames[index]
        rgb, raw = read_image(frame.image), read_dpt(frame.depth)
        if raw.shape != rgb.shape[:2]:
            raise DataError(
                expected=f"depth of the picture's size {rgb.shape[0]}x{rgb.shape[1]}",
                got=f"{raw.shape[0]}x{raw.shape[1]} in {frame.depth}",
                remedy="unpack the depth archive again",
            )
        depth_m, valid = decode_linear(raw, scale=1.0)
        return Sample(
            key=frame.key,
            dataset=self.name,
            image=image_tensor(rgb),
            depth=torch.from_numpy(depth_m),
            valid=torch.from_numpy(valid & (depth_m <= self.farthest_m)),
            camera=read_cam(self.cameras[index]) if self.cameras else None,
        )


def open_sintel(request: DatasetRequest) -> Sintel:
    """Open MPI Sintel's training part, the only one with depth.

    Splits: ``all`` (default), ``train``: the same frames.  ``root`` is the folder ``training`` or one above it; pictures
    and depth may also lie in two folders of their own below ``root``, as their archives unpack.

    Raises:
        UsageError: another split, unknown option, no root.
        DataError: no pictures of that pass, or frames without depth.
    """
    settings = settings_from(SintelSettings, NAME, request.options)
    required_split(NAME, request, ("all", "train"))
    root = required_root(NAME, request)
    places = [root, root / "training", *sorted(root.glob("*/training"))]
    pictures = _first_with(places, settings.render)
    depths, cameras = _first_with(places, "depth"), _first_with(places, "camdata_left")
    found = sorted(pictures.glob("*/frame_*.png")) if pictures else []
    require_some(len(found), dataset=NAME, where=f"{settings.render}/*/frame_*.png of {root}")
    keys = [f"{path.parent.name}/{path.stem}" for path in found]
    frames = tuple(
        Frame(key, path, (depths or root / "depth") / f"{key}.dpt") for key, path in zip(keys, found, strict=True)
    )
    require_files([frame.depth for frame in frames], keys, listing=str(pictures), root=root)
    calibrations = tuple(cameras / f"{key}.cam" for key in keys) if cameras else ()
    require_files(calibrations, keys, listing=str(pictures), root=root)
    return Sintel(frames, calibrations, settings.farthest_m)


def read_dpt(path: Path) -> NDArray[np.float32]:
    """Read a .dpt file: tag, width, height, then rows of little-endian float32 -> (H, W) metres.

    Raises:
        DataError: no such file, another tag, or not as many numbers as the header says.
    """
    stored = _tagged(path)
    width, height = (int(number) for number in np.frombuffer(stored, "<i4", 2, 4)) if len(stored) >= 12 else (0, 0)
    if min(width, height) < 1 or len(stored) != 12 + 4 * width * height:
        raise _damaged(path, f"{len(stored)} bytes for {height}x{width} numbers")
    return np.frombuffer(stored, "<f4", offset=12).reshape(height, width).astype(np.float32)


def read_cam(path: Path) -> Camera:
    """Read the pinhole of a .cam file: tag, intrinsics 3x3, extrinsics 3x4, all float64.

    Raises:
        DataError: no such file, another tag, not 21 numbers.
    """
    stored = _tagged(path)
    if len(stored) != 4 + 8 * 21:
        raise _damaged(path, f"{len(stored)} bytes")
    matrix: NDArray[Any] = np.frombuffer(stored, "<f8", 9, 4).reshape(3, 3)
    # Sintel's principal point is (511.5, 217.5) in pictures of 1024x436: its first pixel centre is 0, ours 0.5.
    return pinhole(focal_px=(matrix[0, 0], matrix[1, 1]), centre_px=(matrix[0, 2] + 0.5, matrix[1, 2] + 0.5))


def _tagged(path: Path) -> bytes:
    try:
        stored = path.read_bytes()
    except OSError as error:
        raise _damaged(path, str(error)) from error
    if len(stored) < 4 or np.frombuffer(stored, "<f4", 1)[0] != np.float32(TAG):
        raise _damaged(path, "without the tag")
    return stored


def _damaged(path: Path, what: str) -> DataError:
    return DataError(
        expected=f"a complete Sintel file that starts with {TAG}", got=f"{path} ({what})", remedy="unpack the archive again"
    )


def _first_with(places: list[Path], folder: str) -> Path | None:
    return next((place / folder for place in places if (place / folder).is_dir()), None)
