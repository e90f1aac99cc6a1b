# SPDX-License-Identifier: Apache-2.0
"""Folders of rectified pairs with a small calibration file: a pair goes in; pictures, camera and perhaps truth come out.

The truth, where it is there, is the disparity of the left picture: 16-bit PNG as KITTI stores it (pixels times 256, 0 =
none), or pixels as floats in PFM, npy, tiff or exr, where what is not finite or not above 0 is none.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import torch

from leadline.contracts.errors import DataError, require
from leadline.contracts.sample import Field, Sample
from leadline.data.decoding import decode_linear
from leadline.data.frame import require_files, require_some
from leadline.data.frame_calibration import Lens, camera_file_above
from leadline.data.hold_out import hold_out
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.data.stereo_calibration import CALIBRATION_NAMES, read_rig
from leadline.data.stereo_pair import PairFiles, PairRig, read_pair, with_disparity
from leadline.data.stereo_pairing import SidePair, listed_pairs, pairs_by_side
from leadline.rasters.depth_files import read_raster
from leadline.rasters.images import image_size

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

NAME = "stereo_folder"
DISPARITY_STEP_PX = 1.0 / 256.0
"""What one step of a 16-bit disparity stands for (KITTI)."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class StereoFolderSettings:
    """Options of dataset ``stereo_folder``."""

    first_centre_px: float = 0.0
    """Where the calibration counts the centre of the first pixel: 0, as OpenCV and KITTI, or 0.5."""
    focal_px: float = 0.0
    """Focal length of every picture in pixels, instead of calibration files; the principal point is then the middle."""
    baseline_m: float = 0.0
    """Distance of the cameras of every pair in metres, with ``focal_px`` instead of calibration files."""
    truth: Literal["auto", "none"] = "auto"
    """``auto``: disparity rasters where they are there; ``none``: pictures only."""
    disparity_step_px: float = 0.0
    """Pixels that one step of a stored disparity stands for; 0: 1/256 for 16-bit whole numbers, 1 for floats."""
    val_fraction: float = 0.1
    """Share of the pairs held out as ``val``, in whole folders."""


@dataclass(frozen=True, slots=True)
class StereoFolder:
    """Pairs sorted by name, or in the order of a list."""

    pairs: tuple[PairFiles, ...]
    disparities: tuple[Path | None, ...]
    step_px: float
    name: str = NAME

    @property
    def provides(self) -> frozenset[Field]:
        """Pairs and cameras; depth where every pair has a disparity raster."""
        has_truth = all(path is not None for path in self.disparities)
        return frozenset({Field.IMAGE, Field.CAMERA, Field.STEREO} | ({Field.DEPTH} if has_truth else set()))

    def __len__(self) -> int:
        return len(self.pairs)

    def key(self, index: int, /) -> str:
        """What the names of the pair's files have in common, or of a list its left picture."""
        return self.pairs[index].key

    def __getitem__(self, index: int, /) -> Sample:
        """Left and right image (3, H, W) in [0, 1], matrix (3, 3) in pixels, baseline in metres; where there is truth
        disparity (H, W) in pixels, depth (H, W) in metres and valid (H, W).

        Raises:
            DataError: an unreadable file, pictures or truth of another size, truth of 8 bits without a step.
        """
        sample = read_pair(self.pairs[index], dataset=self.name)
        path = self.disparities[index]
        return sample if path is None else with_disparity(sample, *read_disparity(path, step_px=self.step_px))


def open_stereo_folder(request: DatasetRequest) -> StereoFolder:
    """Open rectified pairs below ``root``: ``left/7.png`` with ``right/7.png``, image_2 with image_3, ``7_L.png`` with
    ``7_R.png``, ``left.png`` with ``right.png``, in any sub-folders; truth in ``disparity/7.png``.

    The calibration of a pair is the nearest ``calibration.json``, ``calib.txt`` or ``K.txt`` in its folder or above.
    ``listing``: lines ``left right [disparity]``.  Splits: ``all`` (default), ``train`` and ``val``, divided by folders.

    Raises:
        UsageError: unknown split or option, no root, half a rig in the options.
        DataError: no pairs, missing files, a pair without calibration, a calibration that is none.
    """
    settings = settings_from(StereoFolderSettings, NAME, request.options)
    split, root = required_split(NAME, request, ("all", "train", "val")), required_root(NAME, request)
    given = (settings.focal_px, settings.baseline_m)
    require(given == (0.0, 0.0) or min(given) > 0, "focal_px and baseline_m above 0, or neither", given, "give both")
    require(settings.disparity_step_px >= 0, "disparity_step_px above 0", settings.disparity_step_px, "e.g. 0.00390625")
    if request.listing is None:
        pairs = pairs_by_side(root)
        require_some(
            len(pairs), dataset=NAME, where=f"{root}: no left/ and right/, image_2/ and image_3/, NAME_L and NAME_R"
        )
    else:
        pairs = _checked_list(request.listing, root)
    if split != "all":
        kept, held = hold_out([pair.name.rpartition("/")[0] for pair in pairs], fraction=settings.val_fraction)
        pairs = [pairs[index] for index in (held if split == "val" else kept)]
        require_some(len(pairs), dataset=NAME, where=f"{request.listing or root}, split '{split}'")
    disparities = tuple(pair.disparity if settings.truth == "auto" else None for pair in pairs)
    lacking = sum(path is None for path in disparities)
    if 0 < lacking < len(pairs):
        logger.warning("%d of %d pairs have no disparity, so the dataset does not promise depth", lacking, len(pairs))
    files = tuple(PairFiles(pair.name, pair.left, pair.right, rig) for pair, rig in _with_rigs(pairs, root, settings))
    return StereoFolder(files, disparities, settings.disparity_step_px)


def read_disparity(path: Path, *, step_px: float = 0.0) -> tuple[Tensor, Tensor]:
    """Read a disparity raster.

    Args:
        path: 16-bit PNG, PFM, npy, tiff or exr.
        step_px: pixels per stored step; 0: 1/256 for 16-bit whole numbers, 1 for floats.

    Returns:
        (H, W) float32 pixels, and (H, W) bool: finite and above 0.

    Raises:
        DataError: unreadable, or whole numbers of another size whose step nobody gave.
    """
    raw = read_raster(path)
    if not step_px and raw.dtype.kind != "f" and raw.dtype.name != "uint16":
        raise DataError(
            expected="disparity in pixels as floats, or as 16-bit whole numbers of 1/256 pixel",
            got=f"{path} with {raw.dtype}",
            remedy="set the option disparity_step_px to what one step stands for",
        )
    step = step_px or (1.0 if raw.dtype.kind == "f" else DISPARITY_STEP_PX)
    disparity_px, valid = decode_linear(raw, scale=step)
    return torch.from_numpy(disparity_px), torch.from_numpy(valid)


def _checked_list(listing: Path, root: Path) -> list[SidePair]:
    named = listed_pairs(listing, root)
    paths = [(place, path) for place, pair in named for path in (pair.left, pair.right, pair.disparity) if path is not None]
    require_files([path for _, path in paths], [place for place, _ in paths], listing=str(listing), root=root)
    return [pair for _, pair in named]


def _with_rigs(pairs: list[SidePair], root: Path, settings: StereoFolderSettings) -> list[tuple[SidePair, PairRig]]:
    """Each pair with its rig; every calibration file is read once."""

    @cache
    def rig_of(folder: Path) -> PairRig:
        path = camera_file_above(folder, root, CALIBRATION_NAMES)
        if path is None:
            raise DataError(
                expected=f"a calibration ({', '.join(CALIBRATION_NAMES)}) in {folder} or above it, up to {root}",
                got="none",
                remedy="write one with fx, cx, cy and baseline_m, or give the options focal_px and baseline_m",
            )
        return read_rig(path, first_centre_px=settings.first_centre_px)

    if not settings.focal_px:
        return [(pair, rig_of(pair.left.parent)) for pair in pairs]
    return [(pair, _middle_rig(pair.left, settings)) for pair in pairs]


def _middle_rig(picture: Path, settings: StereoFolderSettings) -> PairRig:
    height, width = image_size(picture)
    lens = Lens(focal_px=(settings.focal_px, settings.focal_px), centre_px=(width / 2, height / 2))
    return PairRig(lens=lens, baseline_m=settings.baseline_m)
