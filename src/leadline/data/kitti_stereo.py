# SPDX-License-Identifier: Apache-2.0
"""KITTI's raw drives as rectified pairs: a frame of a list goes in; both pictures, rig, LiDAR depth and neighbours come out.

Geiger et al. 2013.  The left colour camera is image_02, the right one image_03.  A line ``r`` of a list names the same pair
as its line ``l``: the left picture is the sample's image and every pair comes once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch

from leadline.contracts.errors import DataError, require
from leadline.contracts.sample import Field, Neighbours, Sample
from leadline.data.frame import missing_files, read_image_tensor, require_files, require_some
from leadline.data.kitti import decode_kitti
from leadline.data.kitti_calibration import (
    RigChoice,
    kitti_rig,
    pixels_from_lidar,
    read_calibration,
    rectified_size,
)
from leadline.data.kitti_drives import KittiFrame, KittiPlaces, truth_below
from leadline.data.kitti_split import SPLITS, Eyes, Family, SplitSettings, frames_of_split
from leadline.data.kitti_velodyne import DistanceOf, project_sweep, read_sweep
from leadline.data.neighbour_offsets import offsets_from
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.data.stereo_pair import PairFiles, PairRig, read_pair
from leadline.rasters.depth_files import read_raster

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from leadline.data.decoding import Decoded

NAME = "kitti_stereo"
Truth: TypeAlias = Literal["none", "velodyne", "velodyne_lidar_frame", "annotated"]

logger = logging.getLogger(__name__)
_TRUTH_OF_SPLIT: dict[str, Truth] = {"eigen": "velodyne_lidar_frame", "improved": "annotated"}


@dataclass(frozen=True, kw_only=True, slots=True)
class KittiStereoSettings:
    """Options of dataset ``kitti_stereo``."""

    calibration: RigChoice = "calibrated"
    """``calibrated``: the day's camera and baseline (0.53273 m on 2011_09_26); ``nominal``: its camera, but 0.54 m;
    ``fixed``: TiO-Depth's one rig for every day, 0.54 m and 721.54 px, no file is read."""
    truth: Literal["auto", "none", "velodyne", "velodyne_lidar_frame", "annotated"] = "auto"
    """``velodyne``: one projected sweep; ``velodyne_lidar_frame``: its distances as the raw Eigen protocol takes them, from
    the LiDAR and not from the camera; ``annotated``: depth PNGs; ``auto``: what the splits eigen and improved are scored
    with, for val sweeps where every frame has one, else none."""
    lists: Family = "eigen_full"
    """Whose lists ``train`` and ``val`` are: eigen_full, eigen_zhou, benchmark, tio, tio_all (for tests on KITTI 2015);
    ``none``: the drives on disk without those of Eigen's test list, divided by drives."""
    list_folder: str = ""
    """Where lists lie, if not in the root; plain or gzipped, by the names of monodepth2 or TiO-Depth."""
    val_list: str = ""
    """The list of split ``val`` beside a training list of your own; empty: held out of that, in whole drives."""
    val_fraction: float = 0.1
    """The share held out where there is no validation list."""
    neighbours: str = ""
    """Frames to give beside each, e.g. ``-1,1``; pairs without them (the ends of drives) are left out."""
    eyes: Eyes = "pair"
    """``pair``: both pictures of every pair once; ``listed``: the left or right picture that each line names, alone."""


@dataclass(frozen=True)
class KittiStereo:
    """Frames in the order of their list, or by drive and number."""

    frames: tuple[KittiFrame, ...]
    places: KittiPlaces
    rigs: Mapping[str, PairRig]  # by date
    truth: Truth
    eyes: Eyes = "pair"
    offsets: tuple[int, ...] = ()
    name: str = NAME

    @property
    def provides(self) -> frozenset[Field]:
        """Camera, and what was asked for: the pair, depth, neighbours."""
        extra = {
            Field.STEREO: self.eyes == "pair",
            Field.DEPTH: self.truth != "none",
            Field.NEIGHBOURS: bool(self.offsets),
        }
        return frozenset({Field.IMAGE, Field.CAMERA} | {name for name, present in extra.items() if present})

    @cached_property
    def lidar(self) -> dict[str, tuple[NDArray[np.float64], tuple[int, int] | None]]:
        """By date: LiDAR to left picture, (3, 4), and the (height, width) of the pictures it is for, where stated."""
        files = {frame.date: self.places.calibration(frame.date) for frame in self.frames}
        return {date: (pixels_from_lidar(*both), rectified_size(read_calibration(both[0]))) for date, both in files.items()}

    def __len__(self) -> int:
        return len(self.frames)

    def key(self, index: int, /) -> str:
        """``drive/camera/number``."""
        return self.frames[index].key

    def __getitem__(self, index: int, /) -> Sample:
        """Left and right image (3, H, W) in [0, 1], matrix (3, 3) in pixels, baseline in metres; where asked for sparse
        depth (H, W) in metres with valid (H, W), and neighbours (K, 3, H, W).

        Raises:
            DataError: a damaged file, pictures of two sizes, LiDAR for pictures that were resized.
        """
        frame = self.frames[index]
        sample = self._pair(frame) if self.eyes == "pair" else self._single(frame)
        if self.truth != "none":
            depth_m, valid = self._depth(frame, (sample.image.shape[1], sample.image.shape[2]))
            sample = replace(sample, depth=torch.from_numpy(depth_m), valid=torch.from_numpy(valid))
        return replace(sample, neighbours=self._neighbours(sample, frame)) if self.offsets else sample

    def _pair(self, frame: KittiFrame) -> Sample:
        left, right = self.places.picture(frame), self.places.picture(replace(frame, camera="image_03"))
        return read_pair(PairFiles(frame.key, left, right, self.rigs[frame.date]), dataset=self.name)

    def _single(self, frame: KittiFrame) -> Sample:
        path = self.places.picture(frame)
        image = read_image_tensor(path)
        camera = self.rigs[frame.date].lens.camera(width_px=image.shape[2], height_px=image.shape[1], of=path)
        return Sample(key=frame.key, dataset=self.name, image=image, camera=camera)

    def _depth(self, frame: KittiFrame, size: tuple[int, int]) -> Decoded:
        """Sparse metres and mask (H, W) of the left picture."""
        path = self.places.depth(frame) if self.truth == "annotated" else self.places.sweep(frame)
        if self.truth == "annotated":
            depth_m, valid = decode_kitti(read_raster(path), path)
            found: tuple[int, ...] | None = depth_m.shape
        else:
            projection, found = self.lidar[frame.date]
            distance_of: DistanceOf = "lidar" if self.truth == "velodyne_lidar_frame" else "camera"
            depth_m = project_sweep(read_sweep(path), projection, size, distance_of=distance_of)
            valid = depth_m > 0
        if found is not None and found != size:
            raise DataError(
                expected=f"a picture of {found[0]}x{found[1]}, to which {path} belongs",
                got=f"{size[0]}x{size[1]}",
                remedy="use pictures of the original size",
            )
        return depth_m, valid

    def _neighbours(self, sample: Sample, frame: KittiFrame) -> Neighbours:
        paths = [self.places.picture(replace(frame, number=frame.number + offset)) for offset in self.offsets]
        pictures = [read_image_tensor(path) for path in paths]
        for path, picture in zip(paths, pictures, strict=True):
            if picture.shape != sample.image.shape:
                got = f"{picture.shape[1]}x{picture.shape[2]} in {path}"
                remedy = "unpack the drive again"
                raise DataError(expected=f"neighbours of the size of '{sample.key}'", got=got, remedy=remedy)
        return Neighbours(image=torch.stack(pictures), offsets=self.offsets)


def open_kitti_stereo(request: DatasetRequest) -> KittiStereo:
    """Open pairs of KITTI's raw drives: ``DATE/DRIVE/image_02`` and ``image_03`` (png or jpg), ``velodyne_points``,
    ``DATE/calib_cam_to_cam.txt``; annotated depth as it unpacks (``val/DRIVE/proj_depth``) or moved to ``DATE/DRIVE``.

    Splits: ``train`` and ``val`` of the option ``lists``; ``eigen`` and ``improved``, the 697 and 652 test frames; ``all``
    (default), ``listing`` or every pair on disk.  Lines of lists: ``DATE/DRIVE frame l|r``.

    Raises:
        UsageError: unknown split or option, no root, neighbours that are no offsets, truth for right pictures.
        DataError: no list, a line that is broken or names a missing file, no calibration, no frames.
    """
    settings = settings_from(KittiStereoSettings, NAME, request.options)
    split, root = required_split(NAME, request, SPLITS), required_root(NAME, request)
    offsets = offsets_from(settings.neighbours, NAME)
    paired = settings.eyes == "pair" or settings.truth in {"auto", "none"}
    require(paired, "no truth with eyes=listed: it is of left pictures", settings.truth, "leave one of the options out")
    places = truth_below(root, "groundtruth")
    choice = SplitSettings(
        family=settings.lists, list_folder=settings.list_folder, val_list=settings.val_list,
        val_fraction=settings.val_fraction, eyes=settings.eyes,
    )  # fmt: skip
    where, named = frames_of_split(split, request.listing, places, settings=choice, root=root)
    require_some(len(named), dataset=NAME, where=f"{where}, split '{split}'")
    cameras = ("image_02", "image_03") if settings.eyes == "pair" else ("",)
    pictures = places.pictures_of(replace(one, camera=eye or one.camera) for _, one in named for eye in cameras)
    require_files(pictures, [place for place, _ in named for _ in cameras], listing=str(where), root=root)
    truth = _auto_truth(split, named, places, settings) if settings.truth == "auto" else settings.truth
    is_complete = split == "improved" or (truth != "annotated" and where != root)  # 45 of Eigen's frames have no annotation
    frames = _with_truth(named, places, truth, is_complete=is_complete, where=where)
    frames = _between_neighbours(frames, places, offsets)
    require_some(
        len(frames), dataset=NAME, where=f"{where} with truth={truth} and neighbours={settings.neighbours or 'none'}"
    )
    dates = sorted({frame.date for frame in frames})
    rigs = {date: kitti_rig(places.calibration(date)[0], settings.calibration) for date in dates}
    opened = KittiStereo(tuple(frames), places, rigs, truth, settings.eyes, offsets)
    if truth.startswith("velodyne"):
        _ = opened.lidar  # a calibration that is not there is said now
    return opened


def _auto_truth(
    split: str, named: list[tuple[str, KittiFrame]], places: KittiPlaces, settings: KittiStereoSettings
) -> Truth:
    if settings.eyes == "listed" or split not in {*_TRUTH_OF_SPLIT, "val"}:
        return "none"
    if split in _TRUTH_OF_SPLIT:
        return _TRUTH_OF_SPLIT[split]
    dates = sorted({frame.date for _, frame in named})
    needed = [path for date in dates for path in places.calibration(date)] + [places.sweep(frame) for _, frame in named]
    without = missing_files(needed)
    if without:
        logger.info("no depth for validation: %d of its LiDAR files are missing, first %s", len(without), needed[without[0]])
    return "none" if without else "velodyne"


def _with_truth(
    named: list[tuple[str, KittiFrame]], places: KittiPlaces, truth: Truth, *, is_complete: bool, where: object
) -> list[KittiFrame]:
    """The frames whose depth is there; ``is_complete`` refuses a list of which some have none."""
    if truth == "none":
        return [frame for _, frame in named]
    paths = [places.depth(one) if truth == "annotated" else places.sweep(one) for _, one in named]
    if is_complete:
        require_files(paths, [place for place, _ in named], listing=f"{where} (truth={truth})", root=places.pictures)
    without = set(missing_files(paths))
    if without:
        logger.warning("%d of %d frames of %s have no %s depth and are left out", len(without), len(named), where, truth)
    return [frame for index, (_, frame) in enumerate(named) if index not in without]


def _between_neighbours(frames: list[KittiFrame], places: KittiPlaces, offsets: tuple[int, ...]) -> list[KittiFrame]:
    paths = places.pictures_of(replace(one, number=one.number + offset) for one in frames for offset in offsets)
    without = {index // len(offsets) for index in missing_files(paths)} if offsets else set()
    if without:
        logger.warning("%d of %d frames lack a neighbour at %s and are left out", len(without), len(frames), offsets)
    return [frame for index, frame in enumerate(frames) if index not in without]
