# SPDX-License-Identifier: Apache-2.0
"""Hypersim, as delivered: a frame goes in; picture, z-depth in metres, mask and camera come out (needs extra ``hypersim``).

Roberts et al. 2021.  Stored is the distance to the optical centre, not z-depth; NaN where nothing was rendered.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, Sample
from leadline.data.decoding import Decoded, decode_linear
from leadline.data.frame import image_tensor, require_files, require_some
from leadline.data.hdf5_file import read_hdf5_array
from leadline.data.hypersim_camera import CAMERAS_NAME, STANDARD, HypersimCamera, read_cameras
from leadline.data.hypersim_list import HypersimFrame, frames_below, frames_listed, frames_of_split, frames_with_picture
from leadline.data.hypersim_tone import tone_mapped
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.rasters.images import read_image

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

NAME = "hypersim"
SIZE = (768, 1024)
"""Height and width of the pictures of the release."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HypersimSettings:
    """Options of dataset ``hypersim``."""

    tilted: Literal["keep", "leave_out"] = "keep"
    """Scenes whose lens is so tilted that no pinhole camera describes it: z-depth is exact, but there is no camera."""


@dataclass(frozen=True, slots=True)
class Hypersim:
    """Frames sorted by scene, camera and number, or in the order of a list."""

    root: Path
    frames: tuple[HypersimFrame, ...]
    pictures: tuple[str, ...]
    cameras: Mapping[str, HypersimCamera]
    provides: frozenset[Field]
    name: str = NAME

    def __len__(self) -> int:
        return len(self.frames)

    def key(self, index: int, /) -> str:
        """The picture's path below the root."""
        return self.pictures[index]

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1], depth (H, W) metres, valid (H, W), matrix (3, 3) pixels where the scene has one.

        Raises:
            DataError: an unreadable file, or distances of another size than the picture.
            MissingExtraError: h5py is not installed.
        """
        frame = self.frames[index]
        rgb = self._picture(index)
        distance = read_hdf5_array(self.root / frame.depth)
        if distance.shape != rgb.shape[:2]:
            raise _sizes_differ(self.root / frame.depth, distance.shape, rgb.shape)
        camera = self.cameras.get(frame.scene, STANDARD)
        depth_m, valid = z_depth(distance, camera)
        return Sample(
            key=self.pictures[index],
            dataset=self.name,
            image=image_tensor(rgb),
            depth=torch.from_numpy(depth_m),
            valid=torch.from_numpy(valid),
            camera=camera.pinhole(rgb.shape[0], rgb.shape[1]),
        )

    def _picture(self, index: int) -> NDArray[np.uint8]:
        frame, path = self.frames[index], self.root / self.pictures[index]
        if self.pictures[index] == frame.preview:
            return read_image(path)
        radiance, entities = read_hdf5_array(path), read_hdf5_array(self.root / frame.entities)
        if radiance.shape != (*entities.shape, 3):
            raise _sizes_differ(self.root / frame.entities, entities.shape, radiance.shape)
        return tone_mapped(radiance, entities != -1)


def open_hypersim(request: DatasetRequest) -> Hypersim:
    """Open Hypersim: ``root`` holds ``ai_001_001/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg`` and the like.

    Pictures are the previews; where one is missing, ``final_hdf5/frame.0000.color.hdf5`` is tone-mapped as they were.
    ``metadata_camera_parameters.csv`` in ``root`` gives each scene's camera; without it all are taken for unshifted, which a
    warning says.  ``listing``: lines ``picture depth`` as Depth Anything V2 has them (val: 7386 rows); what stands before
    the scene's folder is cut.

    Splits: ``train``, ``val``, ``test`` as ``metadata_images_split_scene_v1.csv`` in ``root`` divides the scenes; ``all``
    (default) leaves out only what it excludes.

    Raises:
        UsageError: unknown split or option, no root, a split without its file.
        DataError: no frames, listed files that are missing, a damaged list or metadata file.
    """
    settings = settings_from(HypersimSettings, NAME, request.options)
    split = required_split(NAME, request, ("all", "train", "val", "test"))
    root = required_root(NAME, request)
    cameras = _cameras(root)
    if request.listing is None:
        pairs = frames_with_picture(frames_of_split(frames_below(root), root, split), root)
    else:
        frames = frames_of_split(frames_listed(request.listing), root, split)
        pairs = [(frame, frame.preview) for frame in frames]
        paths = [root / name for frame, picture in pairs for name in (picture, frame.depth)]
        require_files(paths, [frame.depth for frame in frames for _ in range(2)], listing=str(request.listing), root=root)
    tilted = {scene for scene, camera in cameras.items() if camera.pinhole(*SIZE) is None}
    if settings.tilted == "leave_out":
        pairs = [(frame, picture) for frame, picture in pairs if frame.scene not in tilted]
    require_some(len(pairs), dataset=NAME, where=f"{request.listing or root}, split '{split}'")
    chosen = {frame.scene for frame, _ in pairs}
    if unknown := sorted(chosen - cameras.keys()) if cameras else []:
        raise DataError(
            expected=f"every scene in {root / CAMERAS_NAME}", got=f"{len(unknown)} that are not, the first {unknown[0]}",
            remedy="take the whole file from the release",
        )  # fmt: skip
    provides = {Field.IMAGE, Field.DEPTH} | (set() if chosen & tilted else {Field.CAMERA})
    return Hypersim(
        root=root,
        frames=tuple(frame for frame, _ in pairs),
        pictures=tuple(picture for _, picture in pairs),
        cameras={scene: cameras[scene] for scene in sorted(chosen) if cameras},
        provides=frozenset(provides),
    )


def z_depth(distance: NDArray[Any], camera: HypersimCamera) -> Decoded:
    """(H, W) distances to the optical centre in metres -> (H, W) z-depth in metres and where it is known, not NaN."""
    # float16 is exact in float32, and every operation on it three times as slow.
    values, valid = decode_linear(distance.astype(np.float32, copy=False), scale=1.0)
    return values * camera.z_per_ray_length(distance.shape[0], distance.shape[1]), valid


def _cameras(root: Path) -> dict[str, HypersimCamera]:
    path = root / CAMERAS_NAME
    if path.is_file():
        return read_cameras(path)
    logger.warning(
        "%s is not there: every lens is taken for unshifted, and z-depth of the scenes where it is not is wrong by some "
        "percent; copy the file from the release",
        path,
    )
    return {}


def _sizes_differ(path: Path, got: tuple[int, ...], wanted: tuple[int, ...]) -> DataError:
    return DataError(
        expected=f"an array of the picture's size, {'x'.join(map(str, wanted[:2]))} (height x width)",
        got=f"{'x'.join(map(str, got))} in {path}",
        remedy="unpack the archive again, and resize neither pictures nor arrays",
    )
