# SPDX-License-Identifier: Apache-2.0
"""The folder of Hypersim, its split file and perhaps a list go in; the frames of a split come out."""

from __future__ import annotations

import csv
import logging
import re
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError, UsageError
from leadline.data.frame import missing_files
from leadline.data.nyu_list import read_text
from leadline.data.pair_list import read_official_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

logger = logging.getLogger(__name__)

SPLITS_NAME = "metadata_images_split_scene_v1.csv"

_SCENE = re.compile(r"ai_\d{3}_\d{3}")
_DEPTH = re.compile(r"(ai_\d{3}_\d{3})/images/scene_(cam_\d+)_geometry_hdf5/frame\.(\d+)\.depth_meters\.hdf5")


@dataclass(frozen=True, slots=True)
class HypersimFrame:
    """One frame: its scene, and camera and number in it as the file names spell them, e.g. ``cam_00`` and ``0000``."""

    scene: str
    camera: str
    number: str

    @property
    def depth(self) -> str:
        """Distances, below the root."""
        return f"{self.scene}/images/scene_{self.camera}_geometry_hdf5/frame.{self.number}.depth_meters.hdf5"

    @property
    def preview(self) -> str:
        """The tone-mapped picture, below the root."""
        return f"{self.scene}/images/scene_{self.camera}_final_preview/frame.{self.number}.tonemap.jpg"

    @property
    def radiance(self) -> str:
        """The picture before tone mapping, below the root."""
        return f"{self.scene}/images/scene_{self.camera}_final_hdf5/frame.{self.number}.color.hdf5"

    @property
    def entities(self) -> str:
        """What was rendered where, -1 for nothing, below the root."""
        return f"{self.scene}/images/scene_{self.camera}_geometry_hdf5/frame.{self.number}.render_entity_id.hdf5"


def frames_below(root: Path) -> list[HypersimFrame]:
    """Every frame of which the distances lie below ``root``, sorted."""
    stored = root.glob("ai_*/images/scene_cam_*_geometry_hdf5/frame.*.depth_meters.hdf5")
    found = (_DEPTH.fullmatch(path.relative_to(root).as_posix()) for path in stored)
    return [HypersimFrame(*parts) for parts in sorted(match.groups() for match in found if match)]


def frames_listed(listing: Path) -> list[HypersimFrame]:
    """The frames of a list ``picture depth`` as Depth Anything V2 has it, in its order; authors' folders are cut.

    Raises:
        DataError: as ``read_official_pairs``; a row that is not a preview and the distances of the same frame.
    """
    frames = []
    for row in read_official_pairs(listing, first_folder=_SCENE, example="ai_001_001"):
        found = _DEPTH.fullmatch(row.depth)
        frame = HypersimFrame(*found.groups()) if found else None
        if frame is None or frame.preview != row.image:
            raise DataError(
                expected="a picture of Hypersim and the distances of the same frame",
                got=f"{row.image} and {row.depth} in line {row.line} of {listing}",
                remedy="check that this list belongs to the dataset",
            )
        frames.append(frame)
    return frames


def frames_of_split(frames: Sequence[HypersimFrame], root: Path, split: str) -> list[HypersimFrame]:
    """Those of ``split``; of ``all`` everything but what ``metadata_images_split_scene_v1.csv`` excludes from the release.

    Raises:
        UsageError: a split other than ``all`` without that file below ``root``.
        DataError: the file is damaged.
    """
    path = root / SPLITS_NAME
    if not path.is_file():
        if split == "all":
            return list(frames)
        raise UsageError(
            expected=f"{SPLITS_NAME} in {root} for split '{split}'",
            got="no such file",
            remedy="copy it from the release, or ask for split 'all'",
        )
    part_of = _read_splits(path)
    parts = [part_of.get((frame.scene, frame.camera, int(frame.number))) for frame in frames]
    if split == "all":
        return [frame for frame, part in zip(frames, parts, strict=True) if part != ""]
    return [frame for frame, part in zip(frames, parts, strict=True) if part == split]


def frames_with_picture(frames: Sequence[HypersimFrame], root: Path) -> list[tuple[HypersimFrame, str]]:
    """Each frame with its picture: the preview, else the radiance; frames with neither are left out and counted."""
    has_no_preview = set(missing_files([root / frame.preview for frame in frames]))
    has_no_radiance = set(missing_files([root / frame.radiance for frame in frames]))
    without = sorted(has_no_preview & has_no_radiance)
    if without:
        logger.warning(
            "%d of %d frames below %s have neither preview nor color.hdf5 and are left out, the first is %s",
            len(without),
            len(frames),
            root,
            frames[without[0]].depth,
        )
    return [
        (frame, frame.radiance if number in has_no_preview else frame.preview)
        for number, frame in enumerate(frames)
        if number not in has_no_preview or number not in has_no_radiance
    ]


def _read_splits(path: Path) -> dict[tuple[str, str, int], str]:
    """Split by scene, camera and frame; empty where the frame is excluded from the release."""
    parts: dict[tuple[str, str, int], str] = {}
    reader = csv.DictReader(StringIO(read_text(path)))
    for row in reader:
        try:
            is_included = row["included_in_public_release"].strip().lower() == "true"
            part = row["split_partition_name"].strip() if is_included else ""
            parts[row["scene_name"], row["camera_name"], int(row["frame_id"])] = part
        except (KeyError, AttributeError, ValueError, TypeError) as error:
            raise DataError(
                expected="scene_name, camera_name, frame_id, included_in_public_release and split_partition_name",
                got=f"line {reader.line_num} of {path}",
                remedy="take the file from the release",
            ) from error
    return parts
