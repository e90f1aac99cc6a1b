# SPDX-License-Identifier: Apache-2.0
"""One's own labelled pictures: a folder with manifest.jsonl, or with matching names, goes in; samples come out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.manifest import ManifestLine
from leadline.contracts.sample import Field, Sample
from leadline.data.decoding import METRES_PER_UNIT, POSITIVE_KINDS, Decoded, decode_linear
from leadline.data.folder_lines import LabelledFolderSettings, lines_by_name
from leadline.data.frame import Frame, SizeRule, pinhole, read_frame, require_files, require_some
from leadline.data.hold_out import hold_out
from leadline.data.manifest_file import MANIFEST_NAME, read_manifest
from leadline.data.request import DatasetRequest, required_root, settings_from
from leadline.data.suspicions import NEAREST_FAR_END_M
from leadline.rasters.depth_files import read_raster

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

NAME = "labelled_folder"
FOLDER_OPTIONS = ("scale", "unit", "kind", "space", "invalid_values", "intrinsics_px")
"""What the lines of a manifest say themselves."""


@dataclass(frozen=True, slots=True)
class LabelledFolder:
    """Pictures with labels, in the order of the manifest, or sorted."""

    frames: tuple[Frame, ...]
    lines: tuple[ManifestLine, ...]
    masks: tuple[Path | None, ...]
    kind: DepthKind
    depth_size: SizeRule
    name: str = NAME

    @property
    def provides(self) -> frozenset[Field]:
        """Depth, and the camera when every line has intrinsics."""
        has_cameras = all(line.intrinsics_px is not None for line in self.lines)
        return frozenset({Field.IMAGE, Field.DEPTH} | ({Field.CAMERA} if has_cameras else set()))

    def __len__(self) -> int:
        return len(self.frames)

    def key(self, index: int, /) -> str:
        """The picture's path as the manifest has it, or relative to the root."""
        return self.frames[index].key

    def __getitem__(self, index: int, /) -> Sample:
        line, mask = self.lines[index], self.masks[index]

        def decode(raw: NDArray[Any], path: Path) -> Decoded:
            values, valid = decode_line(raw, path, line)
            return values, valid if mask is None else valid & _mask_of(mask, path, raw.shape)

        camera, rule = _camera(line), self.depth_size
        return read_frame(self.frames[index], decode, dataset=self.name, kind=self.kind, camera=camera, depth_size=rule)


def open_labelled_folder(request: DatasetRequest) -> LabelledFolder:
    """Open ``listing``, else ``<root>/manifest.jsonl``, else pair pictures and depth below ``root`` by their names.

    Splits: ``all`` (default) is every line.  With a manifest, any name that its lines use; lines without a split belong to
    every one.  Where no line names a split, ``train`` and ``val`` divide the lines by folder and ``test`` is all of them,
    training pictures included, which a warning says.

    Raises:
        UsageError: unknown option or split, an option that cannot be meant, no root, an option beside a manifest whose
            lines say the same, which is what ``val_fraction`` is beside lines that name their splits.
        DataError: a broken manifest line, missing files (named with their line), mixed kinds, nothing to read, split
            ``val`` of which nothing is held out.
    """
    settings = settings_from(LabelledFolderSettings, NAME, request.options)
    manifest = request.listing or (required_root(NAME, request) / MANIFEST_NAME)
    if request.listing or manifest.is_file():
        lines, base = read_manifest(manifest), manifest.parent
        _refuse_overruled(request, manifest, lines)
        places, listing = [f"line {number}" for number in range(1, len(lines) + 1)], str(manifest)
    else:
        base = required_root(NAME, request)
        lines, listing = lines_by_name(base, settings), f"the names below {base}"
        places = [line.image for line in lines]
        require_some(len(lines), dataset=NAME, where=listing)
    kind = _one_kind(lines, places)
    chosen = _of_split(lines, request.split or "all", settings.val_fraction, listing)
    frames = tuple(Frame(lines[i].image, base / lines[i].image, base / lines[i].depth) for i in chosen)
    masks = tuple(None if (mask := lines[i].mask) is None else base / mask for i in chosen)
    files = [(places[i], (frame.image, frame.depth, mask)) for i, frame, mask in zip(chosen, frames, masks, strict=True)]
    named = [(path, place) for place, paths in files for path in paths if path is not None]
    require_files([path for path, _ in named], [place for _, place in named], listing=listing, root=base)
    return LabelledFolder(frames, tuple(lines[i] for i in chosen), masks, kind, settings.depth_size)


def decode_line(raw: NDArray[Any], path: Path, line: ManifestLine) -> Decoded:
    """Stored numbers (H, W) to values and mask as ``line`` says.

    Raises:
        DataError: an 8-bit raster whose scale leaves it below ``NEAREST_FAR_END_M``: one that was meant to hold 16 bits;
            whole numbers that a negative scale turns into distances of which none is positive.
    """
    metres = METRES_PER_UNIT[line.unit]
    scale, offset = line.scale * metres, line.offset * metres
    if raw.dtype.kind == "u" and line.scale < 0 and line.offset <= 0 and line.kind in POSITIVE_KINDS:
        raise DataError(
            expected=f"a scale above 0 for whole numbers that hold {line.kind.value} depth",
            got=f"{line.scale:g} for {path}, which leaves no distance above 0",
            remedy="turn the sign of the scale, or give the offset of an inverted raster in a manifest",
        )
    farthest = 255 * scale + offset
    if raw.dtype.itemsize == 1 and line.kind is DepthKind.METRIC and farthest < NEAREST_FAR_END_M:
        raise DataError(
            expected=f"a 16-bit raster for scale {scale:g}",
            got=f"{path} with 8 bits, which reaches {farthest:.3f} m",
            remedy="give the scale of the 8-bit values, or the 16-bit file",
        )
    return decode_linear(raw, scale=scale, offset=offset, invalid_values=line.invalid_values, kind=line.kind)


def _mask_of(mask: Path, depth: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    stored = read_raster(mask)
    if stored.shape != shape:
        raise DataError(
            expected=f"a mask of the size of {depth}, {shape[0]}x{shape[1]} (height x width)",
            got=f"{stored.shape[0]}x{stored.shape[1]} in {mask}",
            remedy="pair the right files",
        )
    nonzero: NDArray[np.bool_] = stored != 0
    return nonzero


def _refuse_overruled(request: DatasetRequest, manifest: Path, lines: list[ManifestLine]) -> None:
    overruled = [name for name in FOLDER_OPTIONS if name in request.options]
    if overruled:
        raise UsageError(
            expected=f"no options but depth_size and val_fraction beside {manifest}, whose lines say the rest",
            got=f"'{overruled[0]}'",
            remedy=f"write {overruled[0]} into its lines, or move the manifest away",
        )
    named = sorted({line.split for line in lines if line.split is not None})
    if named and "val_fraction" in request.options:
        raise UsageError(
            expected=f"no val_fraction beside {manifest}, whose lines name the splits {', '.join(named)}",
            got="'val_fraction'",
            remedy="leave it out, or take 'split' out of every line",
        )


def _one_kind(lines: list[ManifestLine], places: list[str]) -> DepthKind:
    kind = lines[0].kind
    for line, place in zip(lines, places, strict=True):
        if line.kind is not kind:
            raise DataError(
                expected=f"one kind of depth in all lines, {kind.value} as in the first",
                got=f"{line.kind.value} in {place}",
                remedy="put each kind into a folder of its own and mix the folders",
            )
    return kind


def _of_split(lines: list[ManifestLine], split: str, val_fraction: float, listing: str) -> list[int]:
    named = sorted({line.split for line in lines if line.split is not None})
    if not named and split == "test":
        logger.warning(
            "no split is named: 'test' is all %d lines of %s, those of 'train' and 'val' among them; "
            "unless the model never saw these, score on 'val' or write the splits into a manifest",
            len(lines),
            listing,
        )
    if split == "all" or (not named and split == "test"):
        return list(range(len(lines)))
    if not named and split in {"train", "val"}:
        kept, held = hold_out([line.image.rpartition("/")[0] for line in lines], fraction=val_fraction)
        if split == "val" and not held:
            raise DataError(
                expected=f"lines of {listing} in split 'val'", got="none at val_fraction=0", remedy="raise val_fraction"
            )
        return held if split == "val" else kept
    if split not in named:
        raise UsageError(
            expected=f"a split of this folder: {', '.join(named or ['train', 'val', 'test'])}, all",
            got=f"'{split}'",
            remedy="choose one of these, or write the split into the manifest",
        )
    return [index for index, line in enumerate(lines) if line.split in {None, split}]


def _camera(line: ManifestLine) -> Camera | None:
    if line.intrinsics_px is None:
        return None
    fx, fy, cx, cy = line.intrinsics_px
    return pinhole(focal_px=(fx, fy), centre_px=(cx, cy))
