# SPDX-License-Identifier: Apache-2.0
"""What a dataset yields and a recipe receives.

Conventions, written once and referred to from everywhere:
    image       RGB float32 in [0, 1], channels first, (3, H, W).
    depth       z-depth in metres unless ``kind`` says otherwise; z is distance along the optical axis, not ray length.
    valid       bool; where it is false the depth value is undefined (it may be NaN) and nobody may read it.
    pixels      integer index i covers [i, i+1); its centre is at i + 0.5.  Camera matrices live in these coordinates.
    disparity   pixels of a rectified pair: left[x] matches right[x - disparity], disparity = focal_px * baseline_m / z.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from leadline.contracts.depth_map import DepthKind

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.contracts.camera import Camera


class Field(Enum):
    """What a dataset can provide and a recipe can need, beside the image that everything has."""

    IMAGE = auto()
    DEPTH = auto()
    CAMERA = auto()
    STEREO = auto()
    ORDINAL = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class StereoView:
    """The right picture of a rectified pair and what relates it to the left one (the sample's own image).

    Attributes:
        image: (3, H, W) or (B, 3, H, W), RGB float32 in [0, 1].
        baseline_m: () or (B,) float32, distance of the two optical centres; positive when this view is to the right.
        disparity_px: (H, W) or (B, H, W) exact disparity of the left view, or None where there is no ground truth.
        visible: same shape, bool, true where the left pixel is also seen by the right view; None where unknown.
    """

    image: Tensor
    baseline_m: Tensor
    disparity_px: Tensor | None = None
    visible: Tensor | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OrdinalPairs:
    """Pairs of pixels of which the nearer one is known.

    Attributes:
        nearer_rc: (P, 2) or (B, P, 2) int64, (row, column) of the nearer pixel.
        farther_rc: same shape, the farther pixel.
        valid: (P,) or (B, P) bool; false rows are padding.
    """

    nearer_rc: Tensor
    farther_rc: Tensor
    valid: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One picture with what is known about it.

    Attributes:
        key: stable name inside the dataset, e.g. the relative path of the image.
        dataset: the dataset's name.
        image: (3, H, W) RGB float32 in [0, 1].
        depth: (H, W) float32 in the unit of ``kind``, or None where the dataset has no depth.
        valid: (H, W) bool, or None with ``depth``.
        kind: the claim of ``depth``.
        camera, stereo, ordinal: where the dataset provides them.
    """

    key: str
    dataset: str
    image: Tensor
    depth: Tensor | None = None
    valid: Tensor | None = None
    kind: DepthKind = DepthKind.METRIC
    camera: Camera | None = None
    stereo: StereoView | None = None
    ordinal: OrdinalPairs | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """B samples of one size, stacked.  A field is None when at least one sample lacks it (the loader checks needs first).

    Attributes:
        keys, datasets: B names each.
        image: (B, 3, H, W) RGB float32 in [0, 1].
        depth, valid: (B, H, W) float32 and bool, or None.
        kind: the claim shared by all depths of the batch.
        camera, stereo, ordinal: stacked, ordinal pairs padded to the longest.
    """

    keys: tuple[str, ...]
    datasets: tuple[str, ...]
    image: Tensor
    depth: Tensor | None = None
    valid: Tensor | None = None
    kind: DepthKind = DepthKind.METRIC
    camera: Camera | None = None
    stereo: StereoView | None = None
    ordinal: OrdinalPairs | None = None
