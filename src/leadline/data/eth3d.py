# SPDX-License-Identifier: Apache-2.0
"""ETH3D high-resolution multi-view training scenes: a scene and picture go in; picture, laser depth and mask come out.

Schops et al. 2017.  Depth files are bare float32, row by row, without a header and named like their picture, suffix and
all: only the picture tells their size (4032x6048 for most).  Infinite and 0 mean no depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, Sample
from leadline.data.decoding import decode_linear
from leadline.data.frame import Frame, image_tensor, require_files, require_some
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.rasters.images import IMAGE_SUFFIXES, read_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NAME = "eth3d"
_FOLDERS = {"distorted": "dslr_images", "undistorted": "dslr_images_undistorted"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Eth3dSettings:
    """Options of dataset ``eth3d``."""

    lens: Literal["auto", "distorted", "undistorted"] = "auto"
    """``distorted``: dslr_images, to which the official depth belongs; ``undistorted``: dslr_images_undistorted, whose depth
    must have been rendered for it; ``auto``: what has depth, distorted first."""


@dataclass(frozen=True, slots=True)
class Eth3d:
    """The pictures of all scenes, sorted by scene and name."""

    frames: tuple[Frame, ...]
    name: str = NAME
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.DEPTH})

    def __len__(self) -> int:
        return len(self.frames)

    def key(self, index: int, /) -> str:
        """``scene/picture`` without suffix."""
        return self.frames[index].key

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1], depth (H, W) metres, valid (H, W).

        Raises:
            DataError: a damaged picture, or depth that has not one number for each of its pixels.
        """
        frame = self.frames[index]
        rgb = read_image(frame.image)
        depth_m, valid = decode_linear(read_bare_floats(frame.depth, height=rgb.shape[0], width=rgb.shape[1]), scale=1.0)
        return Sample(
            key=frame.key,
            dataset=self.name,
            image=image_tensor(rgb),
            depth=torch.from_numpy(depth_m),
            valid=torch.from_numpy(valid),
        )


def open_eth3d(request: DatasetRequest) -> Eth3d:
    """Open the high-resolution multi-view training scenes.

    Splits: ``all`` (default), ``train``: the same pictures.  ``root`` holds the scenes, or folders that hold scenes, as the
    archives of pictures and of depth unpack: ``SCENE/images/...`` and ``SCENE/ground_truth_depth/...``.

    Raises:
        UsageError: another split, unknown option, no root.
        DataError: no depth, or depth without its picture.
    """
    settings = settings_from(Eth3dSettings, NAME, request.options)
    required_split(NAME, request, ("all", "train"))
    root = required_root(NAME, request)
    frames: list[Frame] = []
    for lens, folder in _FOLDERS.items():
        if settings.lens in {"auto", lens} and not frames:
            frames = _frames(root, folder)
    require_some(len(frames), dataset=NAME, where=f"SCENE/ground_truth_depth/... of {root}, lens={settings.lens}")
    places = [f"depth of '{frame.key}'" for frame in frames]
    require_files([frame.image for frame in frames], places, listing="ground_truth_depth", root=root)
    return Eth3d(tuple(frames))


def read_bare_floats(path: Path, *, height: int, width: int) -> NDArray[np.float32]:
    """Read little-endian float32 without a header -> (height, width) metres.

    Raises:
        DataError: unreadable, or not exactly ``height * width`` numbers.
    """
    try:
        size = path.stat().st_size
        if size == 4 * height * width:
            return np.fromfile(path, "<f4").reshape(height, width).astype(np.float32, copy=False)
        problem = f"{size} bytes"
    except OSError as error:
        problem = str(error)
    raise DataError(
        expected=f"{4 * height * width} bytes, a float32 for each pixel of the {height}x{width} picture",
        got=f"{path} ({problem})",
        remedy="pair distorted pictures with distorted depth (option lens), or unpack the depth archive again",
    )


def _frames(root: Path, folder: str) -> list[Frame]:
    """Every depth file of one kind of pictures, with the place its picture should have; sorted by scene and name."""
    pictures = {scene.parent.parent.name: scene for scene in _scenes(root, f"images/{folder}")}
    return [
        Frame(f"{depths.parent.parent.name}/{path.stem}", pictures.get(depths.parent.parent.name, depths) / path.name, path)
        for depths in _scenes(root, f"ground_truth_depth/{folder}")
        for path in sorted(depths.iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]


def _scenes(root: Path, inside: str) -> list[Path]:
    """The folders ``inside`` of the scenes below ``root`` or one folder deeper, sorted by scene."""
    return sorted([*root.glob(f"*/{inside}"), *root.glob(f"*/*/{inside}")], key=lambda path: path.parent.parent.name)
