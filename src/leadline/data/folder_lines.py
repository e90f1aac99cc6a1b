# SPDX-License-Identifier: Apache-2.0
"""A folder without a manifest and the options that describe it enter; the manifest lines it stands for leave."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.manifest import ManifestLine
from leadline.data.decoding import METRES_PER_UNIT
from leadline.data.manifest_file import unmeant
from leadline.data.pairing import Pair, is_called_disparity, pair_by_name
from leadline.rasters.depth_files import read_raster

if TYPE_CHECKING:
    from pathlib import Path, PurePath

logger = logging.getLogger(__name__)

_EXAMPLES = {"scale": "0.001", "invalid_values": "0,65535", "intrinsics_px": "585,585,320.5,240.5", "unit": "m"}


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledFolderSettings:
    """Options of dataset ``labelled_folder``.  All but the last two describe folders without a manifest, and only those."""

    scale: str = "auto"
    """Stored value times this number is in ``unit``; ``auto``: 1, but 0.001 for whole numbers of 16 and 32 bits that hold
    metric depth in no declared unit."""
    unit: Literal["auto", "m", "cm", "mm"] = "auto"
    """Unit of metric depth; ``auto``: metres, after ``scale``."""
    kind: Literal["auto", "metric", "scale_invariant", "affine_depth", "affine_disparity", "stereo_disparity"] = "auto"
    """What the numbers claim; ``auto``: metric, or affine_disparity where ``space`` says disparity."""
    space: Literal["auto", "depth", "disparity"] = "auto"
    """Whether far is large (depth) or near is (disparity, as in HR-WSI); ``auto``: as ``kind`` says."""
    invalid_values: str = "auto"
    """Stored values that mean "no depth", with commas, e.g. ``0,65535``; ``auto``: 0, or none beside valid_masks/."""
    intrinsics_px: str = ""
    """``fx,fy,cx,cy`` of every picture, pixel centres at +0.5; empty: unknown."""
    depth_size: Literal["refuse", "resize_depth"] = "refuse"
    """Depth of another size than its picture: refuse it, or repeat its pixels up to the picture's size."""
    val_fraction: float = 0.1
    """Share held out as ``val`` where no manifest says which line belongs to which split; folder by folder."""


def lines_by_name(root: Path, settings: LabelledFolderSettings) -> list[ManifestLine]:
    """One line per picture below ``root`` that has a depth raster of its name; none where nothing pairs.

    Raises:
        UsageError: an option that is no number, or one that a manifest could not say either, see ``unmeant``; a kind and a
            space that contradict each other; rasters called disparity that nobody declared.
        DataError: an 8-bit raster whose scale nobody gave.
    """
    intrinsics = _numbers("intrinsics_px", settings.intrinsics_px) if settings.intrinsics_px else None
    if intrinsics is not None and len(intrinsics) != 4:
        raise UsageError(
            expected="intrinsics_px as fx,fy,cx,cy",
            got=settings.intrinsics_px,
            remedy=f"write e.g. intrinsics_px={_EXAMPLES['intrinsics_px']}",
        )
    pairs = pair_by_name(root)
    if not pairs:
        return []
    kind = _kind(settings, pairs[0].depth.relative_to(root))
    scale = _scale(pairs[0].depth, kind, settings)
    lines = [
        ManifestLine(
            image=pair.picture.relative_to(root).as_posix(),
            depth=pair.depth.relative_to(root).as_posix(),
            kind=kind,
            scale=scale,
            invalid_values=_invalid_values(settings, pair),
            intrinsics_px=None if intrinsics is None else (intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]),
            unit="m" if settings.unit == "auto" else settings.unit,
            mask=None if pair.mask is None else pair.mask.relative_to(root).as_posix(),
        )
        for pair in pairs
    ]
    if wrong := unmeant(lines[0]):
        name, expected = wrong
        raise UsageError(
            expected=f"option '{name}' to be {expected}",
            got=repr(getattr(settings, name)),
            remedy=f"write e.g. {name}={_EXAMPLES[name]}",
        )
    return lines


def _kind(settings: LabelledFolderSettings, first: PurePath) -> DepthKind:
    """What ``kind`` and ``space`` say together; ``first`` is the first raster, whose folder may contradict their silence."""
    if settings.kind == "auto":
        if settings.space == "auto" and is_called_disparity(first):
            raise UsageError(
                expected="space=disparity for rasters in a folder called so, or space=depth if they hold depth",
                got=f"neither for {first}",
                remedy="set the option space",
            )
        return DepthKind.AFFINE_DISPARITY if settings.space == "disparity" else DepthKind.METRIC
    kind = DepthKind(settings.kind)
    if settings.space != "auto" and kind.near_is_large != (settings.space == "disparity"):
        raise UsageError(
            expected=f"a kind of {settings.space}",
            got=f"kind={settings.kind}",
            remedy="leave one of the options space and kind out",
        )
    return kind


def _invalid_values(settings: LabelledFolderSettings, pair: Pair) -> tuple[float, ...]:
    if settings.invalid_values == "auto":
        return () if pair.mask is not None else (0.0,)  # a disparity of 0 is the sky where a mask says the rest
    return _numbers("invalid_values", settings.invalid_values) if settings.invalid_values else ()


def _scale(first: Path, kind: DepthKind, settings: LabelledFolderSettings) -> float:
    """The scale of a whole folder, from its first raster: nobody mixes encodings in one folder knowingly."""
    if settings.scale != "auto":
        return _numbers("scale", settings.scale)[0]
    if kind is not DepthKind.METRIC or settings.unit != "auto":
        return 1.0
    dtype = read_raster(first).dtype
    if dtype.itemsize == 1:
        raise DataError(
            expected="depth of more than 8 bits, whose unit can be told",
            got=f"{first} with {dtype}",
            remedy="set the option scale, e.g. scale=0.0392157 for 0 to 10 m in 255 steps, or space=disparity if it is that",
        )
    scale = 1.0 if dtype.kind == "f" else METRES_PER_UNIT["mm"]
    logger.info("%s holds %s: read as %s", first, dtype, "metres" if scale == 1.0 else "millimetres")
    return scale


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise UsageError(
            expected=f"numbers in option '{option}', with commas between several",
            got=repr(text),
            remedy=f"write e.g. {option}={_EXAMPLES[option]}",
        ) from error
