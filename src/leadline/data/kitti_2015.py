# SPDX-License-Identifier: Apache-2.0
"""KITTI's stereo benchmark of 2015: a number goes in; both pictures, their rig and the disparity of every pixel come out.

Menze & Geiger 2015, "Object Scene Flow for Autonomous Vehicles".  Disparity PNGs are 16-bit, pixels = value / 256, 0 = none;
``disp_occ_0`` is all truth, ``disp_noc_0`` that of pixels whose match lies inside the right picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, Sample
from leadline.data.decoding import decode_linear
from leadline.data.frame import require_files, require_some
from leadline.data.kitti_2015_annotations import Kitti2015Annotations
from leadline.data.kitti_calibration import RigChoice, kitti_rig
from leadline.data.nyu_list import read_text
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.data.stereo_pair import PairFiles, read_pair, with_disparity
from leadline.rasters.depth_files import read_raster

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

NAME = "kitti_2015"
STEP_PX = 1.0 / 256.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Kitti2015Settings:
    """Options of dataset ``kitti_2015``."""

    calibration: RigChoice = "calibrated"
    """``calibrated``: camera and baseline of each pair's file; ``nominal``: its camera, but 0.54 m; ``fixed``: 721.54 px and
    0.54 m for every pair, as TiO-Depth turns disparity into metres; no file is read."""


@dataclass(frozen=True, slots=True)
class Kitti2015:
    """Pairs by number, or in the order of a list."""

    pairs: tuple[PairFiles, ...]
    folder: Path
    has_truth: bool
    name: str = NAME

    @property
    def provides(self) -> frozenset[Field]:
        """Pairs and cameras; depth in the training part."""
        return frozenset({Field.IMAGE, Field.CAMERA, Field.STEREO} | ({Field.DEPTH} if self.has_truth else set()))

    def __len__(self) -> int:
        return len(self.pairs)

    def key(self, index: int, /) -> str:
        """The pair's number, as ``000007_10``."""
        return self.pairs[index].key

    def __getitem__(self, index: int, /) -> Sample:
        """Left and right image (3, H, W) in [0, 1], matrix (3, 3) in pixels, baseline in metres; in the training part
        disparity (H, W) in pixels, ``visible`` (H, W), depth (H, W) in metres and valid (H, W).

        Raises:
            DataError: a damaged file, pictures or truth of two sizes, truth that is not 16-bit.
        """
        pair = self.pairs[index]
        sample = read_pair(pair, dataset=self.name)
        if not self.has_truth:
            return sample
        disparity_px, valid = self._disparity("disp_occ_0", pair)
        return with_disparity(sample, disparity_px, valid, self._disparity("disp_noc_0", pair)[1])

    def annotations(self, index: int, /) -> Kitti2015Annotations:
        """Both disparity maps (H, W) and the moving cars (H, W) of a training pair.

        Raises:
            DataError: a file that is missing or not what it should be; the testing part, which has none.
        """
        pair = self.pairs[index]
        if not self.has_truth:
            got = f"'{pair.key}' of the testing part"
            raise DataError(expected="a pair with truth", got=got, remedy="ask for split 'train'")
        everywhere, everywhere_valid = self._disparity("disp_occ_0", pair)
        seen, seen_valid = self._disparity("disp_noc_0", pair)
        objects = read_raster(self.folder / "obj_map" / f"{pair.key}.png")
        return Kitti2015Annotations(
            all_disparity_px=everywhere,
            all_valid=everywhere_valid,
            visible_disparity_px=seen,
            visible_valid=seen_valid,
            foreground=torch.from_numpy(objects > 0),
        )

    def _disparity(self, kind: str, pair: PairFiles) -> tuple[Tensor, Tensor]:
        path = self.folder / kind / f"{pair.key}.png"
        raw = read_raster(path)
        if raw.dtype.name != "uint16":
            raise DataError(
                expected="a 16-bit disparity PNG of KITTI, pixels times 256",
                got=f"{path} with {raw.dtype}",
                remedy="take the PNG of the release, not a coloured or 8-bit copy",
            )
        disparity_px, valid = decode_linear(raw, scale=STEP_PX)
        return torch.from_numpy(disparity_px), torch.from_numpy(valid)


def open_kitti_2015(request: DatasetRequest) -> Kitti2015:
    """Open the 200 training pairs, ``training/image_2/000007_10.png`` and the like, with calib_cam_to_cam/000007.txt.

    Splits: ``all`` (default), ``train``: training; ``test``: ``testing/``, without truth.  ``listing``: numbers, one a line,
    as ``7``, ``000007`` or ``000007_10``.

    Raises:
        UsageError: unknown split or option, no root.
        DataError: no pairs, files that are missing, a broken line, no calibration.
    """
    settings = settings_from(Kitti2015Settings, NAME, request.options)
    split, root = required_split(NAME, request, ("all", "train", "test")), required_root(NAME, request)
    part = "testing" if split == "test" else "training"
    folder = root / part if (root / part).is_dir() or root.name != part else root
    where = request.listing or folder / "image_2"
    named = _listed(request.listing) if request.listing else [(key, key) for key in _found(folder)]
    require_some(len(named), dataset=NAME, where=f"{where} (NNNNNN_10.png)")
    kinds = ("image_2", "image_3", *(("disp_occ_0", "disp_noc_0") if part == "training" else ()))
    paths = [(place, folder / kind / f"{key}.png") for place, key in named for kind in kinds]
    require_files([path for _, path in paths], [place for place, _ in paths], listing=str(where), root=folder)
    pairs = tuple(
        PairFiles(
            key,
            folder / "image_2" / f"{key}.png",
            folder / "image_3" / f"{key}.png",
            kitti_rig(folder / "calib_cam_to_cam" / f"{key[:6]}.txt", settings.calibration),
        )
        for _, key in named
    )
    return Kitti2015(pairs, folder, part == "training")


def _found(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("image_2/*_10.png"))


def _listed(listing: Path) -> list[tuple[str, str]]:
    """The pairs of a list with the line of each."""
    named: dict[str, str] = {}
    for line, text in enumerate(read_text(listing).splitlines(), start=1):
        if not (word := text.strip()):
            continue
        number = word.removesuffix(".png").removesuffix("_10")
        key = f"{number.zfill(6)}_10"
        if not number.isdecimal() or len(key) != 9 or key in named:
            got = f"line {line} of {listing}: {text.strip()[:100]!r}"
            raise DataError(expected="a number of a pair, each once", got=got, remedy="write e.g. 000007_10")
        named[key] = f"line {line}"
    return [(place, key) for key, place in named.items()]
