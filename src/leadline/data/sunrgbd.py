# SPDX-License-Identifier: Apache-2.0
"""SUN RGB-D frames: a JSON list or the folder tree goes in; pictures with metres, mask and camera come out.

Song et al. 2015.  Depth PNGs hold millimetres rotated left by three bits in 16; read as plain millimetres they are 8 times
too far.  The toolbox then clips at 8 m; here nothing is clipped, pixels beyond ``max_m`` are masked.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.decoding import METRES_PER_UNIT, Decoded, decode_linear
from leadline.data.frame import Frame, effective_root, missing_files, pinhole, read_frame, require_files, require_some
from leadline.data.hold_out import hold_out
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.data.sunrgbd_list import ListedFrame, frame_folder, read_json_list, read_official_test, scan_tree, sequence_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.contracts.camera import Camera
    from leadline.contracts.sample import Sample

logger = logging.getLogger(__name__)

NAME = "sunrgbd"
SPLITS = ("all", "train", "val", "test")
NYU_FOLDER = "NYUdata"
"""``kv1/NYUdata`` holds all 1449 labelled NYU frames, the 654 NYU test frames among them."""

_SPLIT_FILES = ("SUNRGBD_val_splits.txt", "SUNRGBD_val_splits.txt.gz", "SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat")


@dataclass(frozen=True, kw_only=True, slots=True)
class SunRgbdSettings:
    """Options of dataset ``sunrgbd``."""

    use_bfx_depth: bool = False
    """Read the depth filled by a cross-bilateral filter (no holes) where the list has it, instead of the sensor's."""
    exclude_nyu: bool = True
    """Leave out the frames of ``kv1/NYUdata``, on which NYU models are tested.  False to score on all of SUN RGB-D."""
    max_m: float = math.inf
    """Depth beyond this many metres is marked invalid; the toolbox's 8 m is a choice of the protocol."""
    split_file: str = ""
    """The official test frames (``SUNRGBD_val_splits.txt[.gz]`` or ``allsplit.mat``); empty: looked for below the root."""
    val_fraction: float = 0.1
    """Share of the training frames that split ``val`` holds out, whole recordings at a time."""


@dataclass(frozen=True, slots=True)
class SunRgbd:
    """Frames in the order of the list, or sorted where the tree was scanned.  Invalid: 0 and beyond ``max_m``."""

    frames: tuple[Frame, ...]
    settings: SunRgbdSettings
    has_cameras: bool
    name: str = NAME

    @property
    def provides(self) -> frozenset[Field]:
        """Depth, and the camera when every frame has its intrinsics.txt."""
        return frozenset({Field.IMAGE, Field.DEPTH} | ({Field.CAMERA} if self.has_cameras else set()))

    def __len__(self) -> int:
        return len(self.frames)

    def key(self, index: int, /) -> str:
        """The picture's path relative to the root."""
        return self.frames[index].key

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1], depth (H, W) in metres, valid (H, W), and the matrix (3, 3) in pixels where known.

        Raises:
            DataError: see ``read_frame``, ``rotated_right`` and ``read_intrinsics``.
        """
        frame = self.frames[index]
        camera = read_intrinsics(_intrinsics_path(frame)) if self.has_cameras else None
        return read_frame(frame, self._decode, dataset=self.name, camera=camera)

    def _decode(self, raw: NDArray[Any], path: Path) -> Decoded:
        values, valid = decode_linear(rotated_right(raw, path), scale=METRES_PER_UNIT["mm"])
        return values, valid & (values <= self.settings.max_m) if math.isfinite(self.settings.max_m) else valid


def open_sunrgbd(request: DatasetRequest) -> SunRgbd:
    """Open SUN RGB-D from a JSON list (``listing``) or by scanning the tree below ``root``.

    Splits: ``all`` (default) is every frame.  Where an official split file is at hand, ``test`` is its 5050 frames and
    ``train`` with ``val`` are the others; without one, a JSON list is taken as it is for ``test``, which a warning
    says, and ``train`` and ``val`` divide it by recording.

    Raises:
        UsageError: unknown split or option, no root, ``max_m`` not positive.
        DataError: a broken list, missing files, no frames, split ``test`` of a scanned tree without a split file.
    """
    settings = settings_from(SunRgbdSettings, NAME, request.options)
    if not settings.max_m > 0:
        raise UsageError(expected="max_m above 0 metres", got=str(settings.max_m), remedy="leave it out to keep every depth")
    root, split = required_root(NAME, request), required_split(NAME, request, SPLITS)
    listed = read_json_list(request.listing) if request.listing else scan_tree(root)
    listing = str(request.listing or f"the tree below {root}")
    require_some(len(listed), dataset=NAME, where=listing)
    root = effective_root(root, listed[0].image)
    listed = _of_split(_without_nyu(listed) if settings.exclude_nyu else listed, split, settings, request, root)
    require_some(len(listed), dataset=NAME, where=f"split '{split}' of {listing}")
    frames = tuple(Frame(entry.image, root / entry.image, root / _depth_path(entry, settings)) for entry in listed)
    if settings.use_bfx_depth and (holey := sum(entry.depth_bfx is None for entry in listed)):
        logger.warning("%d of %d frames list no depth_bfx; their sensor depth is read", holey, len(listed))
    places = [entry.place for entry in listed for _ in range(2)]
    require_files([path for frame in frames for path in (frame.image, frame.depth)], places, listing=listing, root=root)
    without_camera = missing_files([_intrinsics_path(frame) for frame in frames])
    if without_camera:
        logger.info(
            "%d of %d frames have no intrinsics.txt; the dataset provides no camera", len(without_camera), len(frames)
        )
    return SunRgbd(frames, settings, has_cameras=not without_camera)


def rotated_right(raw: NDArray[Any], path: Path) -> NDArray[np.uint16]:
    """Undo the rotation by three bits: ``((v >> 3) | (v << 13)) & 65535``, millimetres.  (H, W) uint16 -> (H, W) uint16.

    The arithmetic must stay in 16 unsigned bits, else depths from 8.192 m on are lost (SUN RGB-D toolbox, read3dPoints).

    Raises:
        DataError: ``raw`` is not 16-bit; ``path`` is named.
    """
    if raw.dtype != np.uint16:
        raise DataError(
            expected="16-bit SUN RGB-D depth",
            got=f"{path} with {raw.dtype}",
            remedy="use the original PNGs; read repackaged ones with labelled_folder and their scale",
        )
    rotated: NDArray[np.uint16] = np.bitwise_or(np.right_shift(raw, 3), np.left_shift(raw, 13))
    return rotated


def read_intrinsics(path: Path) -> Camera:
    """Read nine numbers, a 3x3 pinhole matrix in pixels, on one line or three, as a (3, 3) float32 one of ours.

    The toolbox projects with pixel numbers that start at 1 (read3dPoints), so its centres lie half a pixel further than
    ours at 0.5, 1.5, ...: 0.5 is subtracted from cx and cy.

    Raises:
        DataError: not nine finite numbers, or focal lengths that are not positive.
    """
    try:
        numbers = [float(word) for word in path.read_text(encoding="utf-8").split()]
    except (OSError, ValueError) as error:
        raise DataError(expected="nine numbers", got=f"{path} ({error})", remedy="unpack the frame again") from error
    if len(numbers) != 9 or not (all(map(math.isfinite, numbers)) and numbers[0] > 0 and numbers[4] > 0):
        raise DataError(
            expected="a finite 3x3 camera matrix with positive focal lengths",
            got=f"{path}: {' '.join(f'{number:g}' for number in numbers)[:80]}",
            remedy="unpack the frame again",
        )
    return pinhole(focal_px=(numbers[0], numbers[4]), centre_px=(numbers[2] - 0.5, numbers[5] - 0.5))


def _without_nyu(listed: list[ListedFrame]) -> list[ListedFrame]:
    kept = [entry for entry in listed if NYU_FOLDER not in PurePosixPath(entry.image).parts]
    logger.info("left out %d of %d frames that are NYU Depth V2 (exclude_nyu)", len(listed) - len(kept), len(listed))
    return kept


def _of_split(
    listed: list[ListedFrame], split: str, settings: SunRgbdSettings, request: DatasetRequest, root: Path
) -> list[ListedFrame]:
    if split == "all":
        return listed
    official = _official_test(settings, root)
    if split == "test":
        if official is None and request.listing is None:
            raise DataError(
                expected="the official split, SUNRGBD_val_splits.txt or allsplit.mat",
                got=f"none below {root}",
                remedy="set the option split_file, or pass a JSON list of the test frames",
            )
        if official is None:
            logger.warning(
                "no official split below %s: 'test' is all %d frames of %s, those of 'train' and 'val' among them; "
                "unless the list holds test frames only, set the option split_file",
                root,
                len(listed),
                request.listing,
            )
        return [entry for entry in listed if official is None or frame_folder(entry.image) in official]
    others = [entry for entry in listed if official is None or frame_folder(entry.image) not in official]
    groups = [sequence_of(frame_folder(entry.image)) for entry in others]
    kept, held = hold_out(groups, fraction=settings.val_fraction)
    return [others[index] for index in (held if split == "val" else kept)]


def _official_test(settings: SunRgbdSettings, root: Path) -> frozenset[str] | None:
    if settings.split_file:
        return read_official_test(Path(settings.split_file))
    found = next((path for path in (root / name for name in _SPLIT_FILES) if path.is_file()), None)
    return None if found is None else read_official_test(found)


def _depth_path(entry: ListedFrame, settings: SunRgbdSettings) -> str:
    return entry.depth_bfx if settings.use_bfx_depth and entry.depth_bfx else entry.depth


def _intrinsics_path(frame: Frame) -> Path:
    return frame.image.parent.parent / "intrinsics.txt"
