# SPDX-License-Identifier: Apache-2.0
"""A folder without a manifest and the options that describe it enter; the manifest lines it stands for leave."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.manifest import ManifestLine
from leadline.data.manifest_file import unmeant
from leadline.data.pairing import pair_by_name
from leadline.rasters.depth_files import read_raster

if TYPE_CHECKING:
    from pathlib import Path

    from leadline.data.labelled_folder import LabelledFolderSettings

logger = logging.getLogger(__name__)

_EXAMPLES = {"scale": "0.001", "invalid_values": "0,65535", "intrinsics_px": "585,585,320.5,240.5"}


def lines_by_name(root: Path, settings: LabelledFolderSettings) -> list[ManifestLine]:
    """One line per picture below ``root`` that has a depth raster of its name; none where nothing pairs.

    Raises:
        UsageError: an option that is no number, or one that a manifest could not say either, see ``unmeant``.
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
    automatic = settings.scale == "auto"
    scale = _automatic_scale(pairs[0][1], settings.kind) if automatic else _numbers("scale", settings.scale)[0]
    lines = [
        ManifestLine(
            image=picture.relative_to(root).as_posix(),
            depth=depth.relative_to(root).as_posix(),
            kind=DepthKind(settings.kind),
            scale=scale,
            invalid_values=_numbers("invalid_values", settings.invalid_values) if settings.invalid_values else (),
            intrinsics_px=None if intrinsics is None else (intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]),
        )
        for picture, depth in pairs
    ]
    if wrong := unmeant(lines[0]):
        name, expected = wrong
        raise UsageError(
            expected=f"option '{name}' to be {expected}",
            got=repr(getattr(settings, name)),
            remedy=f"write e.g. {name}={_EXAMPLES[name]}",
        )
    return lines


def _automatic_scale(first: Path, kind: str) -> float:
    """The scale of a whole folder, from its first raster: nobody mixes encodings in one folder knowingly."""
    if kind != "metric":
        return 1.0
    dtype = read_raster(first).dtype
    if dtype.itemsize == 1:
        raise DataError(
            expected="depth of more than 8 bits, whose unit can be told",
            got=f"{first} with {dtype}",
            remedy="set the option scale, e.g. scale=0.0392157 for 0 to 10 m in 255 steps",
        )
    scale = 1.0 if dtype.kind == "f" else 0.001
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
