# SPDX-License-Identifier: Apache-2.0
"""Frames, what the networks say of them and where that is informed enter; a picture to look at while training leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leadline.rasters.colour import Ramp, colourise, robust_range
from leadline.rasters.images import picture_from_tensor
from leadline.rasters.panels import tile

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.recipes.stereo.frames import Frames


def pictured_frames(frames: Frames, *, warped: Tensor, sigmoid: Tensor, informs: Tensor) -> NDArray[np.uint8]:
    """The first scene of a batch in two rows: the picture, its inverse depth and where that is informed; then its sources.

    Args:
        frames: B scenes with S sources of H x W pixels.
        warped: (B,S,3,H,W) the sources as seen from the target.
        sigmoid: (B,H,W) in (0, 1), near is large.
        informs: (B,H,W) bool, white where a moved source fits better than a standing one.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    near = sigmoid[0].detach().float().cpu().numpy()
    everywhere = np.ones(near.shape, bool)
    low, high = robust_range(near, everywhere)
    mask = np.repeat(informs[0].cpu().numpy()[:, :, None], 3, axis=2)
    above = [
        picture_from_tensor(frames.target[0].cpu()),
        colourise(near, everywhere, low=low, high=high, ramp=Ramp.DISPARITY),
        np.where(mask, 255, 0).astype(np.uint8),
    ]
    below = [picture_from_tensor(one.detach().clamp(0, 1).cpu()) for one in warped[0]]
    return tile([above, below])
