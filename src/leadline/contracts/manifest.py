# SPDX-License-Identifier: Apache-2.0
"""Lines that say which label belongs to which picture, and in what unit: of a labelled folder, and of a label job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leadline.contracts.depth_map import DepthKind


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestLine:
    """A picture and its label.  Stored value v means ``v * scale + offset`` in ``unit`` where ``kind`` is metric.

    Attributes:
        image: path of the picture, relative to the manifest.
        depth: path of the depth raster (png, pgm, tif, npy, pfm, exr), relative to the manifest.
        kind: the claim of the stored values after scale and offset.
        scale, offset: decoding; 0.001 and 0.0 for 16-bit millimetres.
        invalid_values: stored values that mean "no depth", e.g. (0, 65535); NaN and infinities are always invalid.
        intrinsics_px: (fx, fy, cx, cy) with pixel centres at +0.5, or None.
        split: e.g. "train", "val", "test", or None for all.
        unit: "m", "cm" or "mm", of metric depth; other kinds leave it alone.
        mask: path of a raster, relative to the manifest, that is 0 where the depth raster means nothing; or None.
    """

    image: str
    depth: str
    kind: DepthKind = DepthKind.METRIC
    scale: float = 1.0
    offset: float = 0.0
    invalid_values: tuple[float, ...] = (0.0,)
    intrinsics_px: tuple[float, float, float, float] | None = None
    split: str | None = None
    unit: Literal["m", "cm", "mm"] = "m"
    mask: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelQuality:
    """What can be said about a label without knowing the truth.

    Attributes:
        valid_fraction: share of pixels with a value, 0 to 1.
        confidence: mean over them of the head's confidence, 0 to 1, or None where it has none.
        dead: nothing valid, or one and the same value everywhere: a prediction that says nothing.
        sky_fraction: share of pixels that are exactly 0, infinitely far, for disparity kinds; else None.
        minimum, median, maximum: of the valid values, in the unit of the kind; None where nothing is valid.
    """

    valid_fraction: float
    confidence: float | None
    dead: bool
    sky_fraction: float | None
    minimum: float | None
    median: float | None
    maximum: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelLine:
    """A picture and what a label job made of it.  Stored number q means ``q * scale + offset`` in the unit of ``kind``.

    Attributes:
        image: the picture's key among the pictures of the job.
        image_sha256: of its bytes.
        label: the label's member in the tar beside the manifest; None for a picture without one, for the reason that
            ``error`` or ``dropped`` gives.
        label_sha256: of the member's bytes.
        label_start, label_bytes: where the member's bytes begin in the tar, and how many they are.
        picture_size_px, label_size_px: (height, width); both cover the same view, so that resizing restores geometry.
        dtype: "uint16" or "fp16", see ``leadline.rasters.label_codec``.
        scale, offset: decoding.
        kind: the claim of the decoded values.
        model: what the model is called.
        weights_sha256, settings_sha256: of the model's numbers, and of everything else that the label depends on.
        quality: None for an unreadable picture.
        error: why the picture could not be read.
        dropped: which filter took the label away.
    """

    image: str
    image_sha256: str
    label: str | None
    label_sha256: str | None
    label_start: int | None
    label_bytes: int | None
    picture_size_px: tuple[int, int] | None
    label_size_px: tuple[int, int] | None
    dtype: str
    scale: float | None
    offset: float | None
    kind: DepthKind
    model: str
    weights_sha256: str
    settings_sha256: str
    quality: LabelQuality | None
    error: str | None = None
    dropped: str | None = None
