# SPDX-License-Identifier: Apache-2.0
"""Folders of numbered frames go in; each frame with those before and after it, and its camera where known, comes out."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from leadline.contracts.camera import Camera
from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field, Neighbours, Sample
from leadline.data.frame import read_image_tensor, require_some
from leadline.data.frame_calibration import CAMERA_NAMES, camera_file_above, read_lens
from leadline.data.hold_out import hold_out
from leadline.data.neighbour_offsets import offsets_from
from leadline.data.picture_folder import find_pictures
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.geometry.camera import pinhole_matrix

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from leadline.data.frame_calibration import Lens

logger = logging.getLogger(__name__)

NAME = "frame_folder"
_NUMBER = re.compile(r"(\d+)(?=\D*$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameFolderSettings:
    """Options of dataset ``frame_folder``."""

    neighbours: str = "-1,1"
    """Frames that come with each, with commas between; empty for none."""
    pattern: str = "*"
    """Which file names are frames, e.g. *.color.jpg where depth lies beside them."""
    step: int = 0
    """Difference of two frames' numbers that counts as one; 0: the smallest in each folder."""
    fov_deg: float = 0.0
    """Horizontal field of view in degrees, for folders without a camera file; 0: their frames have no camera."""
    first_centre_px: float = 0.0
    """Where the camera file counts the centre of the first pixel: 0, as OpenCV, or 0.5."""
    val_fraction: float = 0.1
    """Share of the frames in split val: whole folders, or the end of an only one."""


@dataclass(frozen=True, slots=True)
class SequenceFrame:
    """One frame with its neighbours, all paths below the root, and the index of its camera file, or None."""

    name: str
    neighbours: tuple[str, ...]
    lens: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameFolder:
    """Numbered frames, each folder one recording.

    Attributes:
        root: what paths are relative to.
        frames: in the order of their folders and numbers.
        lenses: what the camera files say.
        offsets: of the neighbours, in frames.
        fov_deg: of frames without a camera file; 0 where it is not known.
    """

    root: Path
    frames: tuple[SequenceFrame, ...]
    lenses: tuple[Lens, ...]
    offsets: tuple[int, ...]
    fov_deg: float = 0.0
    name: str = NAME

    @property
    def provides(self) -> frozenset[Field]:
        """Pictures, neighbours where asked for, and cameras where every frame has one."""
        known = bool(self.fov_deg) or all(frame.lens is not None for frame in self.frames)
        extra = {Field.CAMERA: known, Field.NEIGHBOURS: bool(self.offsets)}
        return frozenset({Field.IMAGE} | {field for field, there in extra.items() if there})

    def __len__(self) -> int:
        return len(self.frames)

    def key(self, index: int, /) -> str:
        """The frame's path relative to the root."""
        return self.frames[index].name

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1], its neighbours (K, 3, H, W) without their motion, matrix (3, 3) in pixels; no depth.

        Raises:
            DataError: a frame that cannot be read, neighbours of another size, a camera of another size.
        """
        frame = self.frames[index]
        image = read_image_tensor(self.root / frame.name)
        beside = [self._beside(image, frame.name, name) for name in frame.neighbours]
        neighbours = Neighbours(image=torch.stack(beside), offsets=self.offsets) if beside else None
        return Sample(
            key=frame.name, dataset=self.name, image=image, camera=self._camera(frame, image), neighbours=neighbours
        )

    def _beside(self, image: Tensor, name: str, neighbour: str) -> Tensor:
        picture = read_image_tensor(self.root / neighbour)
        if picture.shape != image.shape:
            raise DataError(
                expected=f"frames of one size in a folder, {image.shape[1]}x{image.shape[2]} as {name}",
                got=f"{picture.shape[1]}x{picture.shape[2]} in {neighbour}",
                remedy="keep each recording in a folder of its own",
            )
        return picture

    def _camera(self, frame: SequenceFrame, image: Tensor) -> Camera | None:
        height, width = image.shape[1:]
        if frame.lens is not None:
            return self.lenses[frame.lens].camera(height_px=height, width_px=width, of=self.root / frame.name)
        return Camera(matrix=pinhole_matrix(height, width, field_of_view_deg=self.fov_deg)) if self.fov_deg else None


def open_frame_folder(request: DatasetRequest) -> FrameFolder:
    """Open every folder below ``root``, or ``root`` itself, whose pictures have numbers at the end of their names.

    A frame without one of its neighbours (the first and last, or at a gap) is left out, and counted in one message.  A file
    with a camera (``CAMERA_NAMES``) holds for its folder and those below.  Splits: ``all`` (default), ``train``, ``val``; no
    frame of one is a neighbour in the other.

    Raises:
        UsageError: another split, an option that cannot be meant, no root, a list.
        DataError: no frames; two of one number in a folder; a camera file that cannot be read.
    """
    settings = settings_from(FrameFolderSettings, NAME, request.options)
    split = required_split(NAME, request, ("all", "train", "val"))
    root = required_root(NAME, request)
    _check(settings, request)
    offsets = offsets_from(settings.neighbours, NAME)
    numbered = _numbered(root, settings.pattern)
    require_some(len(numbered), dataset=NAME, where=f"{root}, as numbered pictures {settings.pattern}")
    if split != "all":
        kept, held = hold_out([folder for folder, _, _ in numbered], fraction=settings.val_fraction)
        numbered = [numbered[index] for index in (held if split == "val" else kept)]
    lenses, lens_of = _lenses(root, {folder for folder, _, _ in numbered}, settings.first_centre_px)
    frames = _with_neighbours(numbered, offsets, settings.step, lens_of)
    if len(frames) < len(numbered):
        logger.warning("%d of %d frames below %s lack a neighbour", len(numbered) - len(frames), len(numbered), root)
    require_some(len(frames), dataset=NAME, where=f"{root}, with neighbours {settings.neighbours}")
    return FrameFolder(root=root, frames=frames, lenses=lenses, offsets=offsets, fov_deg=settings.fov_deg)


def _check(settings: FrameFolderSettings, request: DatasetRequest) -> None:
    if not 0 <= settings.fov_deg < 180:
        got = f"{settings.fov_deg:g}"
        raise UsageError(expected="fov_deg above 0 and below 180, or 0 for unknown", got=got, remedy="write e.g. fov_deg=60")
    if settings.step < 0:
        raise UsageError(expected="step of 0 or more", got=str(settings.step), remedy="leave it out")
    if request.listing is not None:
        remedy = "choose the frames with option pattern, or by folders"
        raise UsageError(expected=f"no list for dataset '{NAME}'", got=str(request.listing), remedy=remedy)


def _numbered(root: Path, pattern: str) -> list[tuple[str, int, str]]:
    """Folder, number and path of every frame, in the order of folders and numbers."""
    found: list[tuple[str, int, str]] = []
    for name in find_pictures(root).names:
        folder, _, file = name.rpartition("/")
        digits = _NUMBER.search(file.rpartition(".")[0])
        if digits is not None and fnmatchcase(file, pattern):
            found.append((folder, int(digits[1]), name))
    found.sort(key=lambda one: (one[0].split("/"), *one[1:]))
    for (folder, number, first), (next_folder, next_number, second) in pairwise(found):
        if (folder, number) == (next_folder, next_number):
            raise DataError(
                expected="one frame of each number in a folder",
                got=f"{first} and {second}",
                remedy="say which are frames, e.g. pattern=*.color.jpg, or keep recordings in folders of their own",
            )
    return found


def _with_neighbours(
    numbered: list[tuple[str, int, str]], offsets: tuple[int, ...], step: int, lens_of: dict[str, int | None]
) -> tuple[SequenceFrame, ...]:
    folders: dict[str, dict[int, str]] = defaultdict(dict)
    for folder, number, name in numbered:
        folders[folder][number] = name
    frames: list[SequenceFrame] = []
    for folder, names in folders.items():
        one = step or min((after - before for before, after in pairwise(names)), default=1)
        for number, name in names.items():
            beside = [names.get(number + offset * one) for offset in offsets]
            there = tuple(neighbour for neighbour in beside if neighbour is not None)
            if len(there) == len(offsets):
                frames.append(SequenceFrame(name, there, lens_of[folder]))
    return tuple(frames)


def _lenses(root: Path, folders: set[str], first_centre_px: float) -> tuple[tuple[Lens, ...], dict[str, int | None]]:
    """What the camera files say, and which of them holds for each folder."""
    files = {folder: camera_file_above(root / folder, root) for folder in sorted(folders)}
    distinct = sorted({file for file in files.values() if file is not None})
    if distinct and None in files.values():
        bare = next(folder for folder, file in files.items() if file is None)
        logger.warning("no camera file for %s; it may be called %s", root / bare, ", ".join(CAMERA_NAMES))
    lenses = tuple(read_lens(file, first_centre_px=first_centre_px) for file in distinct)
    return lenses, {folder: None if file is None else distinct.index(file) for folder, file in files.items()}
