# SPDX-License-Identifier: Apache-2.0
"""Depth and its inverses: metres of z-depth on one side, inverse depth (1/m) or stereo disparity (px) on the other.

A pixel without depth is the caller's business: depth 0 gives infinite disparity and disparity 0 gives infinite depth, as the
formulas say, and negative numbers stay negative.  Mask them; nothing is repaired here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def inverse_depth(depth_m: Tensor) -> Tensor:
    """1 / z: (...) metres -> (...) 1/m; and the other way round, for it is its own inverse.

    >>> import torch
    >>> inverse_depth(torch.tensor([0.5, 4.0])).tolist()
    [2.0, 0.25]
    """
    return 1.0 / depth_m


def depth_from_disparity(inverse_depth_per_m: Tensor, *, max_depth_m: float) -> Tensor:
    """(...) 1/m -> (...) metres, with inverse depth first clamped to at least ``1 / max_depth_m``.

    The clamp is the affine-disparity protocol of MiDaS and Depth Anything: far pixels whose aligned disparity is zero or
    negative become ``max_depth_m``.

    >>> import torch
    >>> depth_from_disparity(torch.tensor([0.5, -3.0]), max_depth_m=10.0).tolist()
    [2.0, 10.0]
    """
    return inverse_depth(inverse_depth_per_m.clamp(min=1.0 / max_depth_m))


def stereo_disparity_px(depth_m: Tensor, *, focal_px: Tensor, baseline_m: Tensor) -> Tensor:
    """Disparity of a rectified pair, ``focal * baseline / z``.

    Args:
        depth_m: (..., H, W) z-depth in metres.
        focal_px: (...) horizontal focal length in pixels of the picture at its present width.
        baseline_m: (...) distance of the optical centres in metres.

    Returns:
        (..., H, W) pixels.

    >>> import torch
    >>> stereo_disparity_px(torch.tensor([[4.0]]), focal_px=torch.tensor(100.0), baseline_m=torch.tensor(0.2)).item()
    5.0
    """
    return (focal_px * baseline_m)[..., None, None] / depth_m


def stereo_depth_m(disparity_px: Tensor, *, focal_px: Tensor, baseline_m: Tensor) -> Tensor:
    """(..., H, W) pixels of disparity -> (..., H, W) metres; the inverse of :func:`stereo_disparity_px`, same arguments.

    For library users, and for the recipe ``stereo`` to come.
    """
    return (focal_px * baseline_m)[..., None, None] / disparity_px
