# SPDX-License-Identifier: Apache-2.0
"""The disparities of both views enter; how well the two agree at each pixel of the target leaves."""

from __future__ import annotations

from torch import Tensor

from leadline.geometry.warp import in_view, warp_by_disparity

# What KITTI 2015 calls wrong: more than 3 px and more than a twentieth of the disparity (Menze & Geiger 2015).
_WRONG_PX, _WRONG_SHARE = 3.0, 0.05


def agreement_of_views(*, target_px: Tensor, other_px: Tensor, direction: int) -> Tensor:
    """1 where the other view, at the place a pixel is seen there, says the same disparity; 0 from a gross error on.

    In between it falls linearly.  It is 0 too where the place lies outside of the other view: nobody confirms it.

    Args:
        target_px, other_px: (B,H,W) disparities of the two views, each in its own pixels.
        direction: +1 where the target is the left view, -1 where it is the right one.

    Returns:
        (B,H,W) in [0, 1].

    >>> import torch
    >>> flat = torch.full((1, 1, 4), 1.0)
    >>> agreement_of_views(target_px=flat, other_px=torch.tensor([[[1.0, 2.5, 9.0, 1.0]]]), direction=1)[0, 0].tolist()
    [0.0, 1.0, 0.5, 0.0]
    """
    seen_px = warp_by_disparity(other_px[:, None], target_px, direction=direction, padding="border")[:, 0]
    gross_px = (_WRONG_SHARE * target_px).clamp(min=_WRONG_PX)
    agreement = (1.0 - (seen_px - target_px).abs() / gross_px).clamp(0.0, 1.0)
    return agreement * in_view(target_px, direction=direction)
