# SPDX-License-Identifier: Apache-2.0
"""NYU Depth V2 as CSV or text lists: a row goes in; a picture with metres, mask and the Kinect's camera comes out.

Two depth encodings share one folder tree: the training PNGs of the CSV packaging are 8-bit, metres = value / 255 * 10
(Alhashim and Wonka 2018, DenseDepth); the test PNGs and the BTS/ZoeDepth files are 16-bit millimetres.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field
from leadline.data.decoding import METRES_PER_UNIT, Decoded, decode_linear
from leadline.data.frame import Frame, effective_root, pinhole, read_frame, require_files
from leadline.data.hold_out import hold_out
from leadline.data.nyu_list import read_pairs
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.rasters.images import image_size
from leadline.transforms.spatial import crop_sample

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from leadline.contracts.camera import Camera
    from leadline.contracts.sample import Sample

NAME = "nyu"
SPLITS = ("all", "train", "val", "test")
PICTURE_SIZE = (480, 640)

# camera_params.m of the NYU Depth V2 toolbox (Silberman et al. 2012).  rgb_plane2rgb_world.m projects with pixel numbers
# that start at 1, so pixel centres are at 1, 2, ...; ours are at 0.5, 1.5, ...: half a pixel is subtracted.
FOCAL_PX = (518.85790117450188, 519.46961112127485)
CENTRE_PX = (325.58244941119034 - 0.5, 253.73616633400465 - 0.5)

# The window that BTS (Lee et al. 2019) and ZoeDepth keep of a 480x640 training picture, to lose its white frame.
INSIDE_WHITE_BORDER = {"top": 45, "left": 43, "height": 427, "width": 565}

PLAUSIBLE_MEDIAN_M = (0.3, 12.0)
"""The sensor measures 0.4 to 10 m; an image whose median lies outside this range was decoded with the wrong unit."""

_LISTS = {
    "train": ("data/nyu2_train.csv", "nyu2_train.csv", "nyudepthv2_train_files_with_gt.txt"),
    "test": ("data/nyu2_test.csv", "nyu2_test.csv", "nyudepthv2_test_files_with_gt.txt"),
}
_SCENE = re.compile(r"(.*_\d{4})[a-z]?(?:_out)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class NyuSettings:
    """Options of dataset ``nyu``."""

    depth_unit: Literal["auto", "ten_metres_over_255", "millimetres"] = "auto"
    """``auto``: 8-bit files are value / 255 * 10 m, 16-bit files millimetres, decided file by file."""
    crop_white_border: bool = False
    """Keep rows 45:472 and columns 43:608 of the 480x640 training pictures, which have a white frame.  Off by default,
    because test pictures are scored at their full size."""
    check_range: bool = True
    """Refuse a file whose median depth is outside 0.3 to 12 m."""
    camera: Literal["auto", "none"] = "auto"
    """``auto``: 640x480 pictures carry the calibration of NYU's Kinect; ``none`` for pictures of another camera."""
    val_fraction: float = 0.1
    """Share of the list that split ``val`` holds out of ``train``, whole scenes at a time."""


@dataclass(frozen=True, slots=True)
class Nyu:
    """The rows of one list, in its order.  Invalid: 0, and 65535 in 16-bit files."""

    frames: tuple[Frame, ...]
    settings: NyuSettings
    camera: Camera | None
    name: str = NAME

    @property
    def provides(self) -> frozenset[Field]:
        """Depth, and the camera when the pictures are 640x480."""
        return frozenset({Field.IMAGE, Field.DEPTH} | ({Field.CAMERA} if self.camera else set()))

    def __len__(self) -> int:
        return len(self.frames)

    def key(self, index: int, /) -> str:
        """The picture's path as the list has it."""
        return self.frames[index].key

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1], depth (H, W) in metres, valid (H, W), and the matrix (3, 3) in pixels where known.

        Raises:
            DataError: a file that cannot be read, see ``read_frame`` and ``decode_nyu``, or a picture of another size than
                NYU's where camera or crop are asked for.
        """
        frame = self.frames[index]
        sample = read_frame(frame, self._decode, dataset=self.name, camera=self.camera)
        expects_nyu_size = self.camera is not None or self.settings.crop_white_border
        if expects_nyu_size and tuple(sample.image.shape[1:]) != PICTURE_SIZE:
            raise DataError(
                expected="a picture of 480x640, to which NYU's camera and border crop belong",
                got=f"{sample.image.shape[1]}x{sample.image.shape[2]} in {frame.image}",
                remedy="set camera=none and crop_white_border=false",
            )
        return crop_sample(sample, **INSIDE_WHITE_BORDER) if self.settings.crop_white_border else sample

    def _decode(self, raw: NDArray[Any], path: Path) -> Decoded:
        return decode_nyu(raw, path, self.settings)


def open_nyu(request: DatasetRequest) -> Nyu:
    """Open NYU Depth V2 from a list.

    Splits: ``all`` (default) and ``test`` are every row of the list; ``train`` and ``val`` divide it by scene, so that
    training and validation never share a room.  Without ``listing`` the usual list of the split is looked for below
    ``root``.  ``root`` may be the folder that holds ``data/`` or ``data/`` itself.

    Raises:
        UsageError: unknown split or option, no root.
        DataError: no list, a broken row, missing files (the first is named with its line, and their number).
    """
    settings = settings_from(NyuSettings, NAME, request.options)
    root, split = required_root(NAME, request), required_split(NAME, request, SPLITS)
    listing = request.listing or _usual_list(root, split)
    pairs = read_pairs(listing)
    if split in {"train", "val"}:
        kept, held = hold_out([scene_of(pair.image) for pair in pairs], fraction=settings.val_fraction)
        pairs = [pairs[index] for index in (held if split == "val" else kept)]
        if not pairs:
            raise DataError(expected="rows in split 'val'", got="none at val_fraction=0", remedy="raise val_fraction")
    root = effective_root(root, pairs[0].image)
    frames = tuple(Frame(pair.image, root / pair.image, root / pair.depth) for pair in pairs)
    paths = [path for frame in frames for path in (frame.image, frame.depth)]
    places = [f"line {pair.line}" for pair in pairs for _ in range(2)]
    require_files(paths, places, listing=str(listing), root=root)
    has_camera = settings.camera == "auto" and image_size(frames[0].image) == PICTURE_SIZE
    return Nyu(frames, settings, pinhole(focal_px=FOCAL_PX, centre_px=CENTRE_PX) if has_camera else None)


def decode_nyu(raw: NDArray[Any], path: Path, settings: NyuSettings) -> Decoded:
    """Stored (H, W) to float32 metres and bool mask (H, W), by bit depth unless ``settings.depth_unit`` says otherwise.

    Raises:
        DataError: neither 8 nor 16 bits, or an implausible median.
    """
    if raw.dtype not in (np.uint8, np.uint16):
        raise DataError(
            expected="an 8-bit or 16-bit depth PNG",
            got=f"{path} with {raw.dtype}",
            remedy="use labelled_folder for other rasters",
        )
    automatic = "ten_metres_over_255" if raw.dtype == np.uint8 else "millimetres"
    unit = automatic if settings.depth_unit == "auto" else settings.depth_unit
    if unit == "ten_metres_over_255":
        decoded = decode_linear(raw, scale=10.0 / 255.0)
    else:
        decoded = decode_linear(raw, scale=METRES_PER_UNIT["mm"], invalid_values=(0, 65535))
    if settings.check_range:
        _refuse_implausible(decoded, path, unit)
    return decoded


def scene_of(image: str) -> str:
    """The room a picture was taken in: its folder without the letter of the take, ``kitchen_0028b`` -> ``kitchen_0028``."""
    folder = image.rpartition("/")[0].rpartition("/")[2]
    match = _SCENE.fullmatch(folder)
    return match[1] if match else folder


def _usual_list(root: Path, split: str) -> Path:
    wanted = {"all": ("train", "test"), "train": ("train",), "val": ("train",), "test": ("test",)}[split]
    candidates = [root / name for part in wanted for name in _LISTS[part]]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise DataError(
            expected=f"a list such as {candidates[0].name}",
            got=f"none below {root}",
            remedy="name the list: --nyu-csv, --dataset-list or --listing",
        )
    return found


def _refuse_implausible(decoded: Decoded, path: Path, unit: str) -> None:
    # Every 8th pixel of every 8th row: the median of 4 800 numbers costs a hundredth of reading the file.
    values, valid = decoded[0][::8, ::8], decoded[1][::8, ::8]
    if not valid.any():
        return
    median_m = float(np.median(values[valid]))
    low, high = PLAUSIBLE_MEDIAN_M
    if not low <= median_m <= high:
        raise DataError(
            expected=f"a median depth of {low} to {high} m",
            got=f"{median_m:.3f} m in {path} read as {unit}",
            remedy="set depth_unit, or check_range=false if the numbers are right",
        )
