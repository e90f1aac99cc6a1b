# SPDX-License-Identifier: Apache-2.0
"""Virtual KITTI 2, as delivered: a frame goes in; picture, depth, mask and camera come out.

Cabon et al. 2020, "Virtual KITTI 2".  Depth is z-depth in 16-bit centimetres; 65535 (655.35 m) is the sky.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field, Sample
from leadline.data.decoding import Decoded, decode_linear
from leadline.data.frame import Frame, read_frame, require_files, require_some
from leadline.data.pair_list import read_official_pairs
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.data.sky import TruthSpace
from leadline.data.vkitti2_camera import Vkitti2Cameras

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from leadline.contracts.camera import Camera

NAME = "vkitti2"
SKY = 65535
"""Stored value of the sky, and of whatever is farther than the format holds."""
FARTHEST_M = 80.0
"""Where metric truth ends by default, as in Depth Anything V2's metric fine-tuning."""

_PICTURE = re.compile(r"(Scene\d+)/([^/]+)/frames/rgb/Camera_(\d+)/rgb_(\d+)\.jpg")
_SCENE = re.compile(r"Scene\d+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Vkitti2Settings:
    """Options of dataset ``vkitti2``."""

    space: Literal["metres", "disparity"] = "metres"
    """State depth in metres, or as 1 / z for recipes that learn relative depth."""
    sky: Literal["ignore", "far"] = "ignore"
    """Mask the sky, or (in disparity) make it valid with disparity 0."""
    max_depth_m: str = "auto"
    """Farther surfaces are masked; ``auto``: 80 in metres, no limit in disparity."""
    scenes: str = ""
    """Scenes wanted, with commas between, e.g. ``Scene01,Scene20``; empty: all."""
    variations: str = ""
    """Variations wanted, with commas between, e.g. ``clone,fog``; empty: all."""
    cameras: str = "0"
    """Cameras wanted: ``0`` the left one, ``1`` the right one, ``0,1`` both."""
    val_scenes: str = "Scene02"
    """Scenes of split ``val``; ``train`` is the rest.  The release has no split; Scene02 is the smallest, 11 % of it."""


@dataclass(frozen=True, slots=True)
class Vkitti2:
    """Frames sorted by path, or in the order of a list."""

    frames: tuple[Frame, ...]
    cameras: Vkitti2Cameras
    truth: TruthSpace
    max_depth_m: float
    name: str = NAME
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA})

    def __len__(self) -> int:
        return len(self.frames)

    def key(self, index: int, /) -> str:
        """The picture's path below the root."""
        return self.frames[index].key

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1], depth (H, W) in metres or 1/m, valid (H, W), matrix (3, 3) in pixels.

        Raises:
            DataError: an unreadable file, depth that is not 16-bit or of another size, a picture that no camera fits.
        """
        frame = self.frames[index]

        def decode(raw: NDArray[Any], path: Path) -> Decoded:
            return decode_centimetres(raw, path, truth=self.truth, max_depth_m=self.max_depth_m)

        sample = read_frame(frame, decode, dataset=self.name, kind=self.truth.kind)
        return replace(sample, camera=self._camera(frame, (sample.image.shape[1], sample.image.shape[2])))

    def _camera(self, frame: Frame, size: tuple[int, int]) -> Camera:
        found = _PICTURE.fullmatch(frame.key)
        if found is None:  # every key was matched when the dataset was opened
            raise DataError(expected="a frame of Virtual KITTI 2", got=frame.key, remedy="check the list")
        scene, variation, camera, number = found.groups()
        return self.cameras.camera(f"{scene}/{variation}", int(number), int(camera), size)


def open_vkitti2(request: DatasetRequest) -> Vkitti2:
    """Open Virtual KITTI 2: ``root`` holds ``Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg`` and the like.

    Cameras come from ``Scene01/clone/intrinsic.txt`` (archive textgt) where it is there, else they are the published one.
    ``listing``: lines ``picture depth`` as Depth Anything V2 has them (19 559 rows); what stands before ``SceneNN`` is cut.
    Splits: ``all`` (default); ``val`` the scenes of ``val_scenes``, ``train`` the others; of a list too.

    Raises:
        UsageError: unknown split or option, a depth limit that is none, ``sky=far`` in metres, no root.
        DataError: no frames, files that are missing, a damaged list or intrinsic.txt.
    """
    settings = settings_from(Vkitti2Settings, NAME, request.options)
    truth = TruthSpace(settings.space, settings.sky)
    split = required_split(NAME, request, ("all", "train", "val"))
    limit = _limit_m(settings)
    root = required_root(NAME, request)
    rows = _found(root) if request.listing is None else _listed(request.listing)
    chosen = [row for row in rows if _is_wanted(row[1], settings, split)]
    where = request.listing or root
    require_some(len(chosen), dataset=NAME, where=f"{where}, split '{split}', with these options")
    frames = tuple(Frame(image, root / image, root / depth) for _, image, depth in chosen)
    paths = [path for frame in frames for path in (frame.image, frame.depth)]
    require_files(paths, [place for place, _, _ in chosen for _ in range(2)], listing=str(where), root=root)
    folders = sorted({"/".join(frame.key.split("/")[:2]) for frame in frames})
    return Vkitti2(frames, Vkitti2Cameras.of(root, folders), truth, limit)


def decode_centimetres(raw: NDArray[Any], path: Path, *, truth: TruthSpace, max_depth_m: float) -> Decoded:
    """Stored (H, W) 16-bit centimetres -> values in the space of ``truth`` and mask; surfaces beyond the limit are out.

    Raises:
        DataError: not 16-bit.
    """
    if raw.dtype != np.uint16:
        raise DataError(
            expected="16-bit depth in centimetres", got=f"{path} with {raw.dtype}", remedy="take the depth of the release"
        )
    depth_m, is_surface = decode_linear(raw, scale=0.01, invalid_values=(SKY,))
    return truth.stated(depth_m, valid=is_surface & (depth_m <= np.float32(max_depth_m)), sky=raw == SKY)


def _limit_m(settings: Vkitti2Settings) -> float:
    if settings.max_depth_m == "auto":
        return FARTHEST_M if settings.space == "metres" else math.inf
    try:
        limit = float(settings.max_depth_m)
    except ValueError:
        limit = math.nan
    if not limit > 0:
        raise UsageError(
            expected="max_depth_m in metres, above 0, or auto", got=repr(settings.max_depth_m), remedy="write e.g. 80"
        )
    return limit


def _found(root: Path) -> list[tuple[str, str, str]]:
    pictures = root.glob("Scene*/*/frames/rgb/Camera_*/rgb_*.jpg")
    keys = sorted(path.relative_to(root).as_posix() for path in pictures)
    return [(key, key, _depth_of(key)) for key in keys if _PICTURE.fullmatch(key)]


def _listed(listing: Path) -> list[tuple[str, str, str]]:
    rows = []
    for row in read_official_pairs(listing, first_folder=_SCENE, example="Scene01"):
        if not _PICTURE.fullmatch(row.image) or row.depth != _depth_of(row.image):
            raise DataError(
                expected="a picture of Virtual KITTI 2 and the depth of the same frame",
                got=f"{row.image} and {row.depth} in line {row.line} of {listing}",
                remedy="check that this list belongs to the dataset",
            )
        rows.append((f"line {row.line}", row.image, row.depth))
    return rows


def _depth_of(picture: str) -> str:
    return picture.replace("/frames/rgb/", "/frames/depth/").replace("/rgb_", "/depth_").removesuffix(".jpg") + ".png"


def _is_wanted(picture: str, settings: Vkitti2Settings, split: str) -> bool:
    scene, variation, _, _, camera, _ = picture.split("/")
    for wanted, name in ((settings.scenes, scene), (settings.variations, variation)):
        if wanted and name not in wanted.split(","):
            return False
    if settings.cameras and camera.removeprefix("Camera_") not in settings.cameras.split(","):
        return False
    return split == "all" or (scene in settings.val_scenes.split(",")) == (split == "val")
