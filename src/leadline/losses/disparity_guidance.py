# SPDX-License-Identifier: Apache-2.0
"""A stereo disparity and a monocular one enter, how far the one strays from the other leaves   (TiO-Depth, stage 2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from leadline.losses.maps import check_same_size, full_precision


def gradient_guidance(*, disparity_px: Tensor, guide_px: Tensor) -> Tensor:
    """``||dx d| - |dx g|| + ||dy d| - |dy g||``: edges of one map where the other has them, of whichever sign.

    Args:
        disparity_px: (B,H,W) pixels; gets the gradient.
        guide_px: (B,H,W) pixels; gets none.

    Returns:
        (B,H,W) float32 or float64 pixels; a common shift changes nothing.

    Raises:
        ContractError: sizes that differ.
    """
    check_same_size({"disparity_px": disparity_px, "guide_px": guide_px})
    disparity, guide = full_precision(disparity_px), full_precision(guide_px).detach()
    across = (disparity.diff(dim=2).abs() - guide.diff(dim=2).abs()).abs()
    down = (disparity.diff(dim=1).abs() - guide.diff(dim=1).abs()).abs()
    return F.pad(across, (1, 0)) + F.pad(down, (0, 0, 1, 0))


def out_of_view_guidance(*, disparity_px: Tensor, guide_px: Tensor, in_view: Tensor) -> Tensor:
    """``|d - g|`` where the other view does not see the pixel, so nothing can be matched, else 0.

    Args:
        disparity_px: (B,H,W) pixels; gets the gradient.
        guide_px: (B,H,W) pixels; gets none.
        in_view: (B,H,W) bool, see ``geometry.warp.in_view``.

    Returns:
        (B,H,W) float32 or float64 pixels.

    Raises:
        ContractError: sizes that differ.
    """
    check_same_size({"disparity_px": disparity_px, "guide_px": guide_px, "in_view": in_view})
    difference = (full_precision(disparity_px) - full_precision(guide_px).detach()).abs()
    return torch.where(in_view, 0, difference)
