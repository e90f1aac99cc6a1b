# SPDX-License-Identifier: Apache-2.0
"""DIODE: a scan's view goes in; picture, laser depth, mask and camera come out.

Vasiljevic et al. 2019.  768x1024 views of indoor and outdoor scans, train and val; beside each ``NAME.png`` lie
``NAME_depth.npy``, metres, and ``NAME_depth_mask.npy``, nonzero where the scanner has a return.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, Sample
from leadline.data.decoding import decode_linear
from leadline.data.frame import Frame, image_tensor, pinhole, require_files, require_some
from leadline.data.nyu_list import read_text
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.rasters.depth_files import read_raster
from leadline.rasters.images import read_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "diode"
SPLITS = ("train", "val")
DOMAINS = ("indoors", "outdoor")
PICTURE_SIZE = (768, 1024)
CAMERA = pinhole(focal_px=(886.81, 927.06), centre_px=(512.0, 384.0))  # intrinsics.txt of the devkit; the exact middle


@dataclass(frozen=True, kw_only=True, slots=True)
class DiodeSettings:
    """Options of dataset ``diode``."""

    domain: Literal["all", "indoors", "outdoor"] = "all"
    """Which scans, by the folder they lie in."""


@dataclass(frozen=True, slots=True)
class Diode:
    """Views sorted by split, domain, scene, scan and name.  Invalid: mask 0, depth 0 or not finite."""

    frames: tuple[Frame, ...]
    name: str = NAME
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA})

    def __len__(self) -> int:
        return len(self.frames)

    def key(self, index: int, /) -> str:
        """The picture's path below the root."""
        return self.frames[index].key

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, 768, 1024) in [0, 1], depth (768, 1024) metres, valid (768, 1024), matrix (3, 3) pixels.

        Raises:
            DataError: a damaged file, or one of the three of another size.
        """
        frame = self.frames[index]
        rgb, raw = read_image(frame.image), read_raster(frame.depth)
        mask = read_raster(_mask_beside(frame.depth))
        for path, shape in ((frame.image, rgb.shape[:2]), (frame.depth, raw.shape), (_mask_beside(frame.depth), mask.shape)):
            if tuple(shape) != PICTURE_SIZE:
                raise DataError(
                    expected="768x1024, the size of every view of DIODE, to which its camera belongs",
                    got=f"{shape[0]}x{shape[1]} in {path}",
                    remedy="unpack the archive again; resized copies are a labelled_folder",
                )
        depth_m, has_depth = decode_linear(raw, scale=1.0)
        return Sample(
            key=frame.key,
            dataset=self.name,
            image=image_tensor(rgb),
            depth=torch.from_numpy(depth_m),
            valid=torch.from_numpy(has_depth & (mask > 0)),
            camera=CAMERA,
        )


def open_diode(request: DatasetRequest) -> Diode:
    """Open DIODE.

    Splits: ``val``, ``train``, and ``all`` (default) for what of both is there.  ``root`` holds ``val`` and ``train``, or is
    one of them.  ``listing`` is the devkit's diode_meta.json (or .json.gz); the views it names must then all be there.

    Raises:
        UsageError: another split, unknown option, no root.
        DataError: no views, a broken listing, missing files.
    """
    settings = settings_from(DiodeSettings, NAME, request.options)
    split = required_split(NAME, request, ("all", *SPLITS))
    root = required_root(NAME, request)
    root = root.parent if root.name in SPLITS and not any((root / one).is_dir() for one in SPLITS) else root
    splits = SPLITS if split == "all" else (split,)
    domains = DOMAINS if settings.domain == "all" else (settings.domain,)
    if request.listing is None:
        groups = [(root / one / domain).glob("scene_*/scan_*/*.png") for one in splits for domain in domains]
        keys = sorted(path.relative_to(root).as_posix() for group in groups for path in group)
    else:
        keys = sorted(_listed(request.listing, splits, domains))
    require_some(len(keys), dataset=NAME, where=f"{'/'.join(splits)}, {'/'.join(domains)} of {request.listing or root}")
    frames = tuple(Frame(key, root / key, root / f"{key.removesuffix('.png')}_depth.npy") for key in keys)
    paths = [path for frame in frames for path in (frame.image, frame.depth, _mask_beside(frame.depth))]
    places = [f"view '{frame.key}'" for frame in frames for _ in range(3)]
    require_files(paths, places, listing=str(request.listing or root), root=root)
    return Diode(frames)


def _mask_beside(depth: Path) -> Path:
    return depth.with_name(f"{depth.stem}_mask.npy")


def _listed(listing: Path, splits: tuple[str, ...], domains: tuple[str, ...]) -> Iterator[str]:
    """Keys of diode_meta.json: split -> domain -> scene -> scan -> names."""
    try:
        meta: dict[str, Any] = json.loads(read_text(listing))
        for split in splits:
            for domain in domains:
                for scene, scans in meta[split][domain].items():
                    for scan, names in scans.items():
                        yield from (f"{split}/{domain}/{scene}/{scan}/{name}.png" for name in names)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(
            expected="the devkit's diode_meta.json: split, domain, scene, scan, names",
            got=f"{listing} ({type(error).__name__}: {error})",
            remedy="leave the listing out to read every view that is there",
        ) from error
