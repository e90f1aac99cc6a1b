# SPDX-License-Identifier: Apache-2.0
"""Pinhole cameras: matrices and z-depths enter; rays, points and the matrices of changed pictures leave.

Pixel centres lie at +0.5 (see ``leadline.contracts.sample``), so resizing a picture scales every entry of the first two
rows and adds nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def intrinsic_matrix(*, focal_px: tuple[float, float], centre_px: tuple[float, float]) -> Tensor:
    """(fx, fy) and (cx, cy) in pixels, pixel centres at +0.5 -> (3, 3) float32 matrix in pixels.

    >>> intrinsic_matrix(focal_px=(5.0, 6.0), centre_px=(2.0, 1.0)).tolist()
    [[5.0, 0.0, 2.0], [0.0, 6.0, 1.0], [0.0, 0.0, 1.0]]
    """
    (fx, fy), (cx, cy) = focal_px, centre_px
    return torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], dtype=torch.float32)


def pinhole_matrix(height: int, width: int, *, field_of_view_deg: float) -> Tensor:
    """A camera with square pixels that looks through the middle of the picture and sees so many degrees across.

    Size of the picture in pixels -> (3, 3) float32 matrix in pixels.

    >>> pinhole_matrix(2, 4, field_of_view_deg=90.0).round(decimals=4).tolist()
    [[2.0, 0.0, 2.0], [0.0, 2.0, 1.0], [0.0, 0.0, 1.0]]
    """
    focal_px = width / (2 * math.tan(math.radians(field_of_view_deg) / 2))
    return intrinsic_matrix(focal_px=(focal_px, focal_px), centre_px=(width / 2, height / 2))


def camera_rays(matrix: Tensor, height: int, width: int) -> Tensor:
    """The direction in which each pixel looks, scaled so that z is exactly 1.

    Args:
        matrix: (..., 3, 3) ``[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]`` in pixels; fy may be negative (image stored
            upside down).
        height, width: size of the picture in pixels.

    Returns:
        (..., 3, H, W) in the matrix's dtype, no unit: ``((u - cx) / fx, (v - cy) / fy, 1)`` at the pixel centre (u, v).

    >>> camera_rays(torch.tensor([[2.0, 0, 1], [0, 2, 0.5], [0, 0, 1]]), 1, 2)[0].tolist()
    [[-0.25, 0.25]]
    """
    columns_W = torch.arange(width, device=matrix.device, dtype=matrix.dtype) + 0.5
    rows_H = torch.arange(height, device=matrix.device, dtype=matrix.dtype) + 0.5
    x = (columns_W - matrix[..., 0, 2, None]) / matrix[..., 0, 0, None]
    y = (rows_H - matrix[..., 1, 2, None]) / matrix[..., 1, 1, None]
    shape = (*matrix.shape[:-2], height, width)
    x, y = x[..., None, :].expand(shape), y[..., :, None].expand(shape)
    return torch.stack([x, y, torch.ones_like(x)], dim=-3)


def unproject(depth_m: Tensor, matrix: Tensor) -> Tensor:
    """Points in the camera frame (x right, y down, z forward).

    Args:
        depth_m: (..., H, W) z-depth in metres.
        matrix: (..., 3, 3) pinhole matrix in pixels, same leading shape or one matrix for all.

    Returns:
        (..., 3, H, W) metres in the depth's dtype; the third coordinate is ``depth_m`` itself.

    >>> unproject(torch.tensor([[4.0]]), pinhole_matrix(1, 1, field_of_view_deg=60.0)).flatten().tolist()
    [0.0, 0.0, 4.0]
    """
    height, width = depth_m.shape[-2:]
    return camera_rays(matrix.to(depth_m.dtype), height, width) * depth_m.unsqueeze(-3)


def resized_camera(matrix: Tensor, *, old_size: tuple[int, int], new_size: tuple[int, int]) -> Tensor:
    """The matrix (..., 3, 3) after the picture went from ``old_size`` to ``new_size``, both (height, width) in pixels.

    >>> resized_camera(pinhole_matrix(2, 4, field_of_view_deg=90.0), old_size=(2, 4), new_size=(4, 4))[1].round().tolist()
    [0.0, 4.0, 2.0]
    """
    row_factor, column_factor = new_size[0] / old_size[0], new_size[1] / old_size[1]
    return matrix * matrix.new_tensor([[column_factor], [row_factor], [1.0]])


def cropped_camera(matrix: Tensor, *, top: int, left: int) -> Tensor:
    """The matrix (..., 3, 3) after ``top`` rows and ``left`` columns of pixels were cut away; negative ones mean padding.

    >>> cropped_camera(pinhole_matrix(2, 4, field_of_view_deg=90.0), top=1, left=0)[1, 2].item()
    0.0
    """
    return matrix - matrix.new_tensor([[0.0, 0.0, left], [0.0, 0.0, top], [0.0, 0.0, 0.0]])


def flipped_camera(matrix: Tensor, *, width: int) -> Tensor:
    """The matrix (..., 3, 3) of the left-right mirrored picture of ``width`` pixels: cx becomes ``width - cx``.

    >>> flipped_camera(torch.tensor([[2.0, 0, 1], [0, 2, 1], [0, 0, 1]]), width=4)[0].tolist()
    [2.0, 0.0, 3.0]
    """
    flipped = matrix.clone()
    flipped[..., 0, 2] = width - matrix[..., 0, 2]
    return flipped
