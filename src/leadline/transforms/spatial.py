# SPDX-License-Identifier: Apache-2.0
"""Moves in the picture plane: a Sample enters, a Sample leaves in which everything that has pixels moved together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, UsageError
from leadline.contracts.sample import Sample, StereoView
from leadline.geometry.camera import cropped_camera, flipped_camera, resized_camera
from leadline.transforms.companions import (
    cropped_neighbours,
    cropped_stereo,
    flipped_neighbours,
    resized_neighbours,
    resized_stereo,
)
from leadline.transforms.ordinal_pairs import moved_pairs
from leadline.transforms.resampling import resize_image, resize_nearest

Survivor = Literal["depth", "stereo"]


def resize_sample(sample: Sample, height: int, width: int) -> Sample:
    """The sample at a new size.

    The image is averaged (antialiased bilinear); depth, validity and exact disparity are picked at pixel centres, so no
    value is invented; disparity and camera scale with the picture.

    Args:
        sample: image (3, H, W); depth and validity (H, W).
        height, width: new size in pixels.

    Returns:
        Image (3, height, width), depth and validity (height, width); depth keeps its unit.  UsageError for a size below 1.
    """
    if height < 1 or width < 1:
        raise UsageError(expected="a size of at least 1x1", got=f"{height}x{width}", remedy="choose the size of a picture")
    old_height, old_width = sample.image.shape[1:]
    if (old_height, old_width) == (height, width):
        return sample
    factor = torch.tensor([height / old_height, width / old_width], dtype=torch.float64)
    camera, pairs = sample.camera, sample.ordinal
    if camera is not None:
        matrix = resized_camera(camera.matrix, old_size=(old_height, old_width), new_size=(height, width))
        camera = Camera(matrix=matrix)
    return replace(
        sample,
        image=resize_image(sample.image, height, width),
        depth=None if sample.depth is None else resize_nearest(sample.depth, height, width),
        valid=None if sample.valid is None else resize_nearest(sample.valid, height, width),
        camera=camera,
        stereo=None if sample.stereo is None else resized_stereo(sample.stereo, height, width),
        neighbours=None if sample.neighbours is None else resized_neighbours(sample.neighbours, height, width),
        ordinal=None if pairs is None else moved_pairs(pairs, lambda rc: rc * factor, height=height, width=width),
    )


def crop_sample(sample: Sample, *, top: int, left: int, height: int, width: int) -> Sample:
    """A window of the sample; both views of a pair are cut at the same place, so disparities keep their values.

    Args:
        sample: image (3, H, W).
        top, left: first row and column of the window, pixels.
        height, width: size of the window, pixels.

    Returns:
        Image (3, height, width), depth and validity (height, width): views of the given tensors, not copies.

    Raises:
        ContractError: the window is not inside the picture, or empty.
    """
    full_height, full_width = sample.image.shape[1:]
    if min(top, left, height - 1, width - 1) < 0 or top + height > full_height or left + width > full_width:
        raise ContractError(
            expected=f"a window inside the {full_height}x{full_width} picture of {sample.key}",
            got=f"{height}x{width} from row {top}, column {left}",
            remedy="put ResizeCover with the same size before the crop",
        )
    rows, columns = slice(top, top + height), slice(left, left + width)
    shift, pairs = torch.tensor([top, left], dtype=torch.float64), sample.ordinal
    return replace(
        sample,
        image=sample.image[:, rows, columns],
        depth=None if sample.depth is None else sample.depth[rows, columns],
        valid=None if sample.valid is None else sample.valid[rows, columns],
        camera=None if sample.camera is None else Camera(matrix=cropped_camera(sample.camera.matrix, top=top, left=left)),
        stereo=None if sample.stereo is None else cropped_stereo(sample.stereo, rows, columns),
        neighbours=None if sample.neighbours is None else cropped_neighbours(sample.neighbours, rows, columns),
        ordinal=None if pairs is None else moved_pairs(pairs, lambda rc: rc - shift, height=height, width=width),
    )


def flip_sample(sample: Sample, *, keep: Survivor = "depth") -> Sample:
    """The sample mirrored left to right.

    Mirroring a rectified pair turns its disparities negative.  To keep them positive the views must change sides, and then
    the truth, which belongs to the old left view, fits neither.  So of a sample with both, one survives:

    - ``keep="depth"``: the mirrored left view with its depth, pairs and neighbours; the second view is dropped.
    - ``keep="stereo"``: the mirrored right view becomes the image and the mirrored left view its partner; depth, validity,
      ordinal pairs, exact disparity and visibility are dropped, and so are neighbours, which the old left camera took.

    Args:
        sample: image (3, H, W).
        keep: what survives where a sample has a second view; without one nothing is lost.

    Returns:
        The sample with all shapes and units as they were.
    """
    width = sample.image.shape[2]
    camera = None if sample.camera is None else Camera(matrix=flipped_camera(sample.camera.matrix, width=width))
    if sample.stereo is not None and keep == "stereo":
        pair = StereoView(image=sample.image.flip(-1), baseline_m=sample.stereo.baseline_m)
        image = sample.stereo.image.flip(-1)
        bare = replace(sample, depth=None, valid=None, neighbours=None, ordinal=None)
        return replace(bare, image=image, camera=camera, stereo=pair)
    sign, offset = torch.tensor([1.0, -1.0], dtype=torch.float64), torch.tensor([0.0, width], dtype=torch.float64)
    pairs, height = sample.ordinal, sample.image.shape[1]
    return replace(
        sample,
        image=sample.image.flip(-1),
        depth=None if sample.depth is None else sample.depth.flip(-1),
        valid=None if sample.valid is None else sample.valid.flip(-1),
        camera=camera,
        stereo=None,
        neighbours=None if sample.neighbours is None else flipped_neighbours(sample.neighbours),
        ordinal=None if pairs is None else moved_pairs(pairs, lambda rc: rc * sign + offset, height=height, width=width),
    )


@dataclass(frozen=True, slots=True)
class Squash:
    """Resize to exactly this size, aspect not kept.  For parity with trainers that do so; it bends the field of view."""

    height: int
    width: int

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:  # noqa: ARG002
        """Image (3, H, W) in [0, 1] -> (3, height, width)."""
        return resize_sample(sample, self.height, self.width)


@dataclass(frozen=True, slots=True)
class ResizeCover:
    """Resize, aspect kept, until the picture just covers this size; a crop of the same size takes the rest away."""

    height: int
    width: int

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:  # noqa: ARG002
        """Image (3, H, W) in [0, 1] -> (3, h, w) with h >= height, w >= width and equality in one of them."""
        old_height, old_width = sample.image.shape[1:]
        factor = max(self.height / old_height, self.width / old_width)
        height, width = max(self.height, round(old_height * factor)), max(self.width, round(old_width * factor))
        return resize_sample(sample, height, width)


@dataclass(frozen=True, slots=True)
class CentreCrop:
    """The window of this size in the middle of the picture."""

    height: int
    width: int

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:  # noqa: ARG002
        """Image (3, H, W) in [0, 1] -> (3, height, width).  Raises ContractError where the picture is smaller."""
        free_height, free_width = sample.image.shape[1] - self.height, sample.image.shape[2] - self.width
        return crop_sample(sample, top=free_height // 2, left=free_width // 2, height=self.height, width=self.width)


@dataclass(frozen=True, slots=True)
class RandomCrop:
    """A window of this size, every place equally likely."""

    height: int
    width: int

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        """Image (3, H, W) in [0, 1] -> (3, height, width).  Raises ContractError where the picture is smaller."""
        free_height, free_width = sample.image.shape[1] - self.height, sample.image.shape[2] - self.width
        down, across = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        top, left = int(down * (free_height + 1)), int(across * (free_width + 1))
        return crop_sample(sample, top=top, left=left, height=self.height, width=self.width)


@dataclass(frozen=True, slots=True)
class RandomFlip:
    """Mirror left to right with probability ``p``; see ``flip_sample`` for what ``keep`` decides on stereo pairs."""

    p: float = 0.5
    keep: Survivor = "depth"

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        """Image (3, H, W) in [0, 1] -> the same shape; depth keeps its unit."""
        drawn = float(torch.rand((), generator=generator, dtype=torch.float64))
        return flip_sample(sample, keep=self.keep) if drawn < self.p else sample


@dataclass(frozen=True, slots=True)
class ValidRange:
    """Mark depths outside the open interval (min_m, max_m) as invalid; no value is changed.

    The ends are outside, as in ZoeDepth: 8-bit NYU depth saturates at exactly 10 m.
    """

    min_m: float
    max_m: float

    def __post_init__(self) -> None:
        if not self.min_m < self.max_m:
            raise UsageError(expected="min_m below max_m", got=f"{self.min_m} and {self.max_m}", remedy="correct the range")

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:  # noqa: ARG002
        """``valid`` (H, W) loses pixels, never gains any.  Raises ContractError for depth that is not in metres."""
        if sample.depth is None or sample.valid is None:
            return sample
        if sample.kind is not DepthKind.METRIC:
            raise ContractError(
                expected="depth in metres for a range in metres",
                got=f"{sample.kind.value} in {sample.dataset}",
                remedy="leave ValidRange out of this dataset's transforms",
            )
        return replace(sample, valid=sample.valid & (sample.depth > self.min_m) & (sample.depth < self.max_m))
