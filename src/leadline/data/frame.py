# SPDX-License-Identifier: Apache-2.0
"""The paths of a picture and its depth raster go in, a checked Sample comes out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError
from leadline.contracts.paths import exists
from leadline.contracts.sample import Sample
from leadline.geometry.camera import intrinsic_matrix
from leadline.rasters.depth_files import read_raster
from leadline.rasters.images import read_image
from leadline.transforms.resampling import resize_nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.data.decoding import Decoded

SizeRule: TypeAlias = Literal["refuse", "resize_depth"]
"""What to do with a depth raster of another size than its picture: refuse it, or repeat its pixels (nearest centre)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One labelled picture on disk: its key in the dataset, the picture, the depth raster."""

    key: str
    image: Path
    depth: Path


def read_frame(
    frame: Frame,
    decode: Callable[[NDArray[Any], Path], Decoded],
    *,
    dataset: str,
    kind: DepthKind = DepthKind.METRIC,
    camera: Camera | None = None,
    depth_size: SizeRule = "refuse",
) -> Sample:
    """Read picture and depth and put them together.

    Args:
        frame: where they lie.
        decode: stored numbers and their path (for messages) to float32 values and validity, both (H, W).
        dataset, kind, camera: passed on to the sample.
        depth_size: what to do when the two sizes differ.

    Returns:
        Image (3, H, W) in [0, 1]; depth (H, W) float32 in the unit of ``kind`` and valid (H, W) bool.

    Raises:
        DataError: a file that cannot be read, what ``decode`` refuses, or sizes that differ under ``"refuse"``; both sizes
            are named.
        MissingExtraError: an exr raster without OpenEXR.
    """
    image = read_image_tensor(frame.image)
    values, mask = decode(read_raster(frame.depth), frame.depth)
    depth, valid = torch.from_numpy(values), torch.from_numpy(mask)
    if depth.shape != image.shape[1:]:
        if depth_size == "refuse":
            raise _sizes_differ(frame, depth, image)
        height, width = image.shape[1:]
        depth, valid = resize_nearest(depth, height, width), resize_nearest(valid, height, width)
    return Sample(key=frame.key, dataset=dataset, image=image, depth=depth, valid=valid, kind=kind, camera=camera)


def read_image_tensor(path: Path) -> Tensor:
    """Read a picture as (3, H, W) float32 RGB in [0, 1].  Memory stays channels-last.  DataError as in ``read_image``."""
    return image_tensor(read_image(path))


def image_tensor(rgb_HW3: NDArray[Any]) -> Tensor:
    """(H, W, 3) uint8 RGB -> (3, H, W) float32 in [0, 1], value / 255 exactly rounded, channels-last in memory."""
    # One pass over the bytes; gathering the channels first would take twice as long, and resizing gains nothing by it.
    return torch.from_numpy(np.divide(rgb_HW3, np.float32(255), dtype=np.float32)).permute(2, 0, 1)


def pinhole(*, focal_px: tuple[float, float], centre_px: tuple[float, float]) -> Camera:
    """Camera from (fx, fy) and (cx, cy) in pixels, pixel centres at +0.5; its matrix is (3, 3) float32."""
    return Camera(matrix=intrinsic_matrix(focal_px=focal_px, centre_px=centre_px))


def effective_root(root: Path, first: str) -> Path:
    """The folder that ``first``, the first path of a list, is relative to: ``root``, or its parent when ``root`` already
    is the folder that the path starts with (``.../data`` given for ``data/nyu2_train/...``).
    """
    above = root.resolve().parent
    return above if not exists(root / first) and exists(above / first) else root


def missing_files(paths: Sequence[Path]) -> list[int]:
    """Indices of the paths that do not exist.  Each folder is listed once, which is quick on network disks too."""

    @cache
    def names(folder: Path) -> frozenset[str]:
        try:
            return frozenset(os.listdir(folder))  # noqa: PTH208 (names are all that is wanted; 50 000 Path objects are not)
        except (OSError, ValueError):  # ValueError: a null byte, or what no encoding can spell
            return frozenset()

    return [index for index, path in enumerate(paths) if path.name not in names(path.parent)]


def require_files(paths: Sequence[Path], places: Sequence[str], *, listing: str, root: Path) -> None:
    """Refuse a list that names files which do not exist.

    Args:
        paths: all files, in the order of the list.
        places: where in the list each is named, e.g. ``"line 12"``.
        listing: the list's name, for the message.
        root: the folder the list is relative to, for the message.

    Raises:
        DataError: naming the first missing file, its place and how many are missing in all.
    """
    missing = missing_files(paths)
    if missing:
        first = missing[0]
        raise DataError(
            expected=f"every file that {listing} names, below {root}",
            got=f"{len(missing)} of {len(paths)} missing, the first at {places[first]}: {paths[first]}",
            remedy="check the root folder, or take the rows out of the list",
        )


def require_some(count: int, *, dataset: str, where: object) -> None:
    """DataError when a dataset turned out empty; ``where`` says what was searched."""
    if count == 0:
        raise DataError(
            expected=f"at least one sample in dataset '{dataset}'",
            got=f"none in {where}",
            remedy="check the root folder, the list and the split",
        )


def _sizes_differ(frame: Frame, depth: Tensor, image: Tensor) -> DataError:
    return DataError(
        expected=f"depth of the picture's size, {image.shape[1]}x{image.shape[2]} (height x width)",
        got=f"{depth.shape[0]}x{depth.shape[1]} in {frame.depth} for {frame.image}",
        remedy="pair the right files, or set the option depth_size=resize_depth where the dataset has it",
    )
