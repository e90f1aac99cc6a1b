# SPDX-License-Identifier: Apache-2.0
"""KITTI raw drives with depth PNGs: a frame of a list goes in; picture, metres, mask and camera come out.

Geiger et al. 2013, Uhrig et al. 2017.  Depth PNGs are 16-bit, metres = value / 256, 0 = no depth; ``groundtruth`` is LiDAR
accumulated over frames and checked by stereo, ``velodyne_raw`` one sweep.  Eigen's test list has 697 frames, of which 652
have annotated depth.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field
from leadline.data.decoding import Decoded, decode_linear
from leadline.data.frame import Frame, read_frame, require_files, require_some
from leadline.data.kitti_drives import KittiFrame, read_frame_list, rectified_cameras, truth_below
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.transforms.spatial import crop_sample

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from leadline.contracts.camera import Camera
    from leadline.contracts.sample import Sample

NAME = "kitti"
BENCHMARK_SIZE = (352, 1216)

_logger = logging.getLogger(__name__)
_LISTS = ("kitti_eigen_test_files_with_gt.txt", "eigen_test_files_with_gt.txt", "test_improved_list.txt")


@dataclass(frozen=True, kw_only=True, slots=True)
class KittiSettings:
    """Options of dataset ``kitti``."""

    truth: Literal["groundtruth", "velodyne_raw"] = "groundtruth"
    """``groundtruth``: the annotated depth; ``velodyne_raw``: one projected sweep, sparser and with what shines through."""
    crop: Literal["none", "benchmark"] = "none"
    """``benchmark``: the 352x1216 window at the bottom and middle that the depth benchmark and ZoeDepth keep."""


@dataclass(frozen=True, slots=True)
class Kitti:
    """Frames in the order of their list, or sorted by drive, camera and number."""

    frames: tuple[Frame, ...]
    cameras: Mapping[str, Camera]  # by key of the frame; empty where a calibration file is missing
    crop: Literal["none", "benchmark"]
    name: str = NAME

    @property
    def provides(self) -> frozenset[Field]:
        """Depth, and the camera where every date has its calibration file."""
        return frozenset({Field.IMAGE, Field.DEPTH} | ({Field.CAMERA} if self.cameras else set()))

    def __len__(self) -> int:
        return len(self.frames)

    def key(self, index: int, /) -> str:
        """``drive/camera/number``."""
        return self.frames[index].key

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1], depth (H, W) metres, valid (H, W), matrix (3, 3) pixels where known.

        Raises:
            DataError: a damaged file, depth that is not 16-bit or of another size, or too small for the crop.
        """
        frame = self.frames[index]
        sample = read_frame(frame, decode_kitti, dataset=self.name, camera=self.cameras.get(frame.key))
        if self.crop == "none":
            return sample
        height, width = sample.image.shape[1:]
        if height < BENCHMARK_SIZE[0] or width < BENCHMARK_SIZE[1]:
            raise DataError(
                expected="a picture of at least 352x1216 for crop=benchmark",
                got=f"{height}x{width} in {frame.image}",
                remedy="leave the crop out, or use pictures of the original size",
            )
        top, left = height - BENCHMARK_SIZE[0], int((width - BENCHMARK_SIZE[1]) / 2)
        return crop_sample(sample, top=top, left=left, height=BENCHMARK_SIZE[0], width=BENCHMARK_SIZE[1])


def open_kitti(request: DatasetRequest) -> Kitti:
    """Open frames of KITTI's raw drives that have a depth PNG.

    Splits: ``eigen``, the frames of Eigen's test list that have depth, from ``listing`` or a list of a usual name below
    ``root``; ``all`` (default), the frames of ``listing``, or without one every depth PNG below ``root``.  Lists are those
    of BTS/ZoeDepth (picture, depth or None, focal), Depth Anything V2 (picture, depth) or monodepth (drive, frame, l or r).

    ``root`` holds ``DATE/DRIVE/image_02/data/*.png`` and ``DRIVE/proj_depth/groundtruth/image_02/*.png``, each at most two
    folders down, as ``raw_data/`` and ``data_depth_annotated/val/`` unpack.

    Raises:
        UsageError: unknown split or option, no root.
        DataError: no list where one is needed, a broken line, missing files, no frame with depth.
    """
    settings = settings_from(KittiSettings, NAME, request.options)
    split, root = required_split(NAME, request, ("all", "eigen")), required_root(NAME, request)
    drives = truth_below(root, settings.truth)
    listing = request.listing or (_usual_list(root) if split == "eigen" else None)
    named = read_frame_list(listing) if listing else [(frame.key, frame) for frame in drives.frames()]
    without = [frame for _, frame in named if not frame.has_truth]
    if without:
        _logger.info("%d of %d frames of %s have no annotated depth and are left out", len(without), len(named), listing)
    kept = [(place, frame) for place, frame in named if frame.has_truth]
    require_some(len(kept), dataset=NAME, where=listing or f"{settings.truth} below {root}")
    frames = tuple(Frame(frame.key, drives.picture(frame), drives.depth(frame)) for _, frame in kept)
    places = [place for place, _ in kept for _ in range(2)]
    paths = [path for frame in frames for path in (frame.image, frame.depth)]
    require_files(paths, places, listing=str(listing or root), root=root)
    return Kitti(frames, _cameras([frame for _, frame in kept], drives.pictures), settings.crop)


def decode_kitti(raw: NDArray[Any], path: Path) -> Decoded:
    """Stored (H, W) 16-bit numbers to float32 metres and bool mask (H, W).  DataError for another bit depth."""
    if raw.dtype.name != "uint16":
        raise DataError(
            expected="a 16-bit depth PNG of KITTI, metres times 256",
            got=f"{path} with {raw.dtype}",
            remedy="point at proj_depth/groundtruth or proj_depth/velodyne_raw, not at a coloured or 8-bit copy",
        )
    return decode_linear(raw, scale=1.0 / 256.0)


def _usual_list(root: Path) -> Path:
    found = next((root / name for name in _LISTS if (root / name).is_file()), None)
    if found is None:
        raise DataError(
            expected=f"Eigen's test list, such as {_LISTS[0]}",
            got=f"none in {root}",
            remedy="name the list with --listing, or leave the split out for every frame that has depth",
        )
    return found


def _cameras(frames: list[KittiFrame], pictures: Path) -> dict[str, Camera]:
    """The camera of each frame by key; none at all where a date lacks its calibration."""
    by_date = {date: rectified_cameras(pictures / date / "calib_cam_to_cam.txt") for date in {one.date for one in frames}}
    if not all(by_date.values()):
        return {}
    return {frame.key: by_date[frame.date][frame.camera] for frame in frames}
