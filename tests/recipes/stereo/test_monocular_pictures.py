# SPDX-License-Identifier: Apache-2.0
"""The picture of a training batch: what lies where."""

from __future__ import annotations

import numpy as np
import torch

from leadline.rasters.panels import tile
from leadline.recipes.stereo.frames import Frames
from leadline.recipes.stereo.monocular_pictures import pictured_frames


def test_pictured_frames__shows_the_first_scene_its_mask_and_every_source() -> None:
    target, sources = torch.full((2, 3, 8, 12), 0.2), torch.full((2, 2, 3, 8, 12), 0.6)
    frames = Frames(
        target=target,
        sources=sources,
        seen_target=target,
        seen_neighbours=sources,
        offsets=(-1, 1),
        matrix=torch.eye(3).expand(2, 3, 3),
        second_from_target_m=None,
    )
    informs = torch.zeros(2, 8, 12, dtype=torch.bool)
    informs[0, :, 6:] = True
    sigmoid = torch.linspace(0.1, 0.9, 12).expand(2, 8, 12)
    shown = pictured_frames(frames, warped=sources * 2, sigmoid=sigmoid, informs=informs)  # beyond 1 is cut off
    blank = np.zeros((8, 12, 3), np.uint8)
    assert shown.shape == tile([[blank] * 3, [blank] * 2]).shape
    assert int((shown == 51).all(axis=2).sum()) == 96  # the target, 0.2 of 255
    assert int((shown == 255).all(axis=2).sum()) >= 48 + 2 * 96  # half of the mask, and both sources
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) >= 12  # inverse depth in colours
