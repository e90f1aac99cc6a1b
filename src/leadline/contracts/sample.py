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
    NEIGHBOURS = auto()
    VIEWS = auto()  # no dataset has them: a transform makes them (``leadline.transforms.multiview``)


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
class Neighbours:
    """Pictures that the sample's own camera took shortly before and after, all of the size of the sample's image.

    Attributes:
        image: (K, 3, H, W) or (B, K, 3, H, W), RGB float32 in [0, 1].
        offsets: K numbers of frames, below 0 for earlier ones, e.g. ``(-1, 1)``; the same for a whole batch.
        neighbour_from_sample_m: (K, 4, 4) or (B, K, 4, 4) float32, what takes points in metres from the sample's camera
            frame into the neighbour's, or None where the motion is not known.
    """

    image: Tensor
    offsets: tuple[int, ...]
    neighbour_from_sample_m: Tensor | None = None


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
class ViewStack:
    """Crops of one picture that were brought to one size h x w, in the order they are to be seen.

    Attributes:
        image: (V, 3, h, w) or (V, B, 3, h, w), RGB float32 in [0, 1].
        to_source: (V, 2, 2) or (V, B, 2, 2) float32, for rows and columns ``(scale, offset)``: the place r of a view lies at
            ``scale * r + offset`` of the picture it was cut from, both in pixels; a mirrored view's columns have a
            scale below 0.
        depth, valid: (V, h, w) or (V, B, h, w) float32 and bool, or None, as in ``Sample``.
        camera: matrices (V, 3, 3) or (V, B, 3, 3), each of its own view, or None.
    """

    image: Tensor
    to_source: Tensor
    depth: Tensor | None = None
    valid: Tensor | None = None
    camera: Camera | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Views:
    """Several looks at one picture, the global ones first.

    Attributes:
        stacks: one for each size there is; the views of the first stack come first, then those of the second.
        n_global: how many, counted from the first view, are global; all of these lie in the first stack.
    """

    stacks: tuple[ViewStack, ...]
    n_global: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One picture with what is known about it.

    Attributes:
        key: stable name inside the dataset, e.g. the relative path of the image.
        dataset: the dataset's name.
        image: (3, H, W) RGB float32 in [0, 1].
        depth: (H, W) float32 in the unit of ``kind``, or None where the dataset has no depth.
        valid: (H, W) bool, or None with ``depth``.
        kind: the claim of ``depth``, and of the depth of the views.
        camera, stereo, neighbours, ordinal: where the dataset provides them.
        views: where a transform made them; ``image``, ``depth``, ``valid`` and ``camera`` are then those of the first.
    """

    key: str
    dataset: str
    image: Tensor
    depth: Tensor | None = None
    valid: Tensor | None = None
    kind: DepthKind = DepthKind.METRIC
    camera: Camera | None = None
    stereo: StereoView | None = None
    neighbours: Neighbours | None = None
    ordinal: OrdinalPairs | None = None
    views: Views | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """B samples of one size, stacked.  A field is None when at least one sample lacks it (the loader checks needs first).

    Attributes:
        keys, datasets: B names each.
        image: (B, 3, H, W) RGB float32 in [0, 1].
        depth, valid: (B, H, W) float32 and bool, or None.
        kind: the claim shared by all depths of the batch.
        camera, stereo, neighbours, ordinal: stacked, ordinal pairs padded to the longest.
        views: stacked view by view, (V, B, ...).
    """

    keys: tuple[str, ...]
    datasets: tuple[str, ...]
    image: Tensor
    depth: Tensor | None = None
    valid: Tensor | None = None
    kind: DepthKind = DepthKind.METRIC
    camera: Camera | None = None
    stereo: StereoView | None = None
    neighbours: Neighbours | None = None
    ordinal: OrdinalPairs | None = None
    views: Views | None = None
