# SPDX-License-Identifier: Apache-2.0
"""The pictures that accompany a sample enter, its second view or its neighbours; the same, moved with the sample, leave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from leadline.transforms.resampling import resize_image, resize_nearest

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.contracts.sample import Neighbours, StereoView


def resized_stereo(stereo: StereoView, height: int, width: int) -> StereoView:
    """The second view at (height, width) pixels: its picture averaged, disparity picked and scaled with the width.

    Image (3, H, W) -> (3, height, width); disparity and visibility (H, W) -> (height, width).
    """
    disparity, visible = stereo.disparity_px, stereo.visible
    if disparity is not None:
        disparity = resize_nearest(disparity, height, width) * (width / stereo.image.shape[2])
    return replace(
        stereo,
        image=resize_image(stereo.image, height, width),
        disparity_px=disparity,
        visible=None if visible is None else resize_nearest(visible, height, width),
    )


def cropped_stereo(stereo: StereoView, rows: slice, columns: slice) -> StereoView:
    """The second view cut to the window of the first, so disparities (H, W) keep their pixels.

    A pixel whose partner was cut away is no longer visible; which these are cannot be told without the disparity.
    """
    disparity = None if stereo.disparity_px is None else stereo.disparity_px[rows, columns]
    visible = None if stereo.visible is None else stereo.visible[rows, columns]
    if visible is not None and columns.start > 0:
        visible = None if disparity is None else visible & (_column_centres(disparity) - disparity >= 0)
    return replace(stereo, image=stereo.image[:, rows, columns], disparity_px=disparity, visible=visible)


def resized_neighbours(neighbours: Neighbours, height: int, width: int) -> Neighbours:
    """Neighbours (K, 3, H, W) at (height, width) pixels, averaged as the sample's own picture; metres of motion stay."""
    return replace(neighbours, image=torch.stack([resize_image(image, height, width) for image in neighbours.image]))


def cropped_neighbours(neighbours: Neighbours, rows: slice, columns: slice) -> Neighbours:
    """Neighbours (K, 3, H, W) cut to the window of the sample's own picture, since one camera matrix holds for all."""
    return replace(neighbours, image=neighbours.image[..., rows, columns])


def flipped_neighbours(neighbours: Neighbours) -> Neighbours:
    """Neighbours (K, 3, H, W) mirrored left to right; of the motion, what points sideways or turns about an axis across it
    changes its sign.
    """
    motion = neighbours.neighbour_from_sample_m
    if motion is not None:
        mirror = motion.new_tensor([-1.0, 1.0, 1.0, 1.0])
        motion = motion * mirror[:, None] * mirror
    return replace(neighbours, image=neighbours.image.flip(-1), neighbour_from_sample_m=motion)


def _column_centres(raster: Tensor) -> Tensor:
    return torch.arange(raster.shape[-1], dtype=torch.float32) + 0.5
