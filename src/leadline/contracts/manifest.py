# SPDX-License-Identifier: Apache-2.0
"""One line of ``manifest.jsonl``: how a labelled folder says which depth file belongs to which picture, and in what unit."""

from __future__ import annotations

from dataclasses import dataclass

from leadline.contracts.depth_map import DepthKind


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestLine:
    """A picture and its label.  Stored value v means ``v * scale + offset`` in the unit of ``kind``.

    Attributes:
        image: path of the picture, relative to the manifest.
        depth: path of the depth raster (png, pgm, tif, npy, pfm, exr), relative to the manifest.
        kind: the claim of the stored values after scale and offset.
        scale, offset: decoding; 0.001 and 0.0 for 16-bit millimetres.
        invalid_values: stored values that mean "no depth", e.g. (0, 65535); NaN and infinities are always invalid.
        intrinsics_px: (fx, fy, cx, cy) with pixel centres at +0.5, or None.
        split: e.g. "train", "val", "test", or None for all.
    """

    image: str
    depth: str
    kind: DepthKind = DepthKind.METRIC
    scale: float = 1.0
    offset: float = 0.0
    invalid_values: tuple[float, ...] = (0.0,)
    intrinsics_px: tuple[float, float, float, float] | None = None
    split: str | None = None
