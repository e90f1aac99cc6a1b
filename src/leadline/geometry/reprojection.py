# SPDX-License-Identifier: Apache-2.0
"""Depth, camera and pose enter; where a pixel is seen in another picture, and that picture seen from here, leave."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from leadline.contracts.errors import ContractError

CENTRE_PX = 0.5  # where the centre of the first pixel lies; 0 in monodepth2 and TiO-Depth, with their matrices
_LEAST_DEPTH_M = 1e-7  # added to z before dividing, as monodepth2 does, so a point in the camera's plane stays finite


class Reprojection(NamedTuple):
    """Another picture seen from the target.

    Attributes:
        image: (B,C,H,W) in the source's unit, its border repeated outside.
        in_view: (B,H,W) bool: the point lies in front of the source camera and between its outermost pixel centres.
    """

    image: Tensor
    in_view: Tensor


def back_project(depth_m: Tensor, inverse_intrinsics: Tensor, *, centre_px: float = CENTRE_PX) -> Tensor:
    """The point that each pixel shows.

    Args:
        depth_m: (B,H,W) z-depth in metres.
        inverse_intrinsics: (B,3,3) or (B,4,4), inverse of the matrix in pixels.
        centre_px: where the matrix puts the centre of the first pixel.

    Returns:
        (B,3,H,W) metres in the camera's frame (x right, y down, z forward).

    >>> back_project(torch.full((1, 1, 2), 4.0), torch.eye(3)[None], centre_px=0.0)[0, :, 0].tolist()
    [[0.0, 4.0], [0.0, 0.0], [4.0, 4.0]]
    """
    height, width = depth_m.shape[-2:]
    columns = torch.arange(width, device=depth_m.device, dtype=depth_m.dtype) + centre_px
    rows = torch.arange(height, device=depth_m.device, dtype=depth_m.dtype) + centre_px
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    pixels = torch.stack([u, v, torch.ones_like(u)]).flatten(1)
    with torch.autocast(depth_m.device.type, enabled=False):  # half precision does not hold a column's number
        rays = inverse_intrinsics[:, :3, :3].to(depth_m.dtype) @ pixels
    return rays.view(-1, 3, height, width) * depth_m.unsqueeze(1)


def project(points_m: Tensor, *, intrinsics: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
    """Where points are seen by a camera.

    Args:
        points_m: (B,3,H,W) metres in the frame the pose starts from.
        intrinsics: (B,3,3) or (B,4,4) matrix in pixels.
        pose: (B,4,4), takes a point from that frame into the camera's.

    Returns:
        (B,2,H,W) columns and rows in pixels, and (B,H,W) z-depth in metres.
    """
    with torch.autocast(points_m.device.type, enabled=False):
        matrix = (intrinsics[:, :3, :3] @ pose[:, :3]).to(points_m.dtype)
        seen = matrix[:, :, :3] @ points_m.flatten(2) + matrix[:, :, 3:]
    seen = seen.view(points_m.shape)
    return seen[:, :2] / (seen[:, 2:] + _LEAST_DEPTH_M), seen[:, 2]


def sample_at(image: Tensor, positions_px: Tensor, *, centre_px: float = CENTRE_PX, parity: bool = False) -> Tensor:
    """A picture at given places, bilinear, its border repeated outside.

    Args:
        image: (B,C,h,w) of any unit.
        positions_px: (B,2,H,W) columns and rows.
        centre_px: where the centre of the first pixel lies in these positions.
        parity: sample as monodepth2 does under a recent torch, which is up to half a pixel off towards the borders.

    Returns:
        (B,C,H,W) in the image's unit and dtype.

    >>> row = torch.tensor([[[[1.0, 2.0, 4.0]]]])
    >>> sample_at(row, torch.tensor([[[[0.5, 2.0]], [[0.5, 0.5]]]])).flatten().tolist()
    [1.0, 3.0]
    """
    height, width = image.shape[-2:]
    extent = positions_px.new_tensor([max(width - 1, 1), max(height - 1, 1)])
    grid = 2 * (positions_px.movedim(1, 3) - centre_px) / extent - 1
    return F.grid_sample(image, grid.to(image.dtype), mode="bilinear", padding_mode="border", align_corners=not parity)


def reproject(
    source: Tensor, depth_m: Tensor, *, intrinsics: Tensor, pose: Tensor, centre_px: float = CENTRE_PX
) -> Reprojection:
    """Another picture, taken with the same camera, as it would look from the target   (Zhou et al. 2017, sec. 3.2).

    Args:
        source: (B,C,H,W) the other picture.
        depth_m: (B,H,W) z-depth of the target; gets the gradient, as does the pose.
        intrinsics: (B,3,3) or (B,4,4) matrix in pixels of both pictures.
        pose: (B,4,4), takes a point from the target camera's frame into the source camera's; its unit is that of the depth.
        centre_px: where the matrix puts the centre of the first pixel.

    Returns:
        The picture and what of it is in view.

    Raises:
        ContractError: sizes that differ.
    """
    if source.shape[0] != depth_m.shape[0] or source.shape[2:] != depth_m.shape[1:]:
        raise ContractError(
            expected="a source (B,C,H,W) and depth (B,H,W) of one size",
            got=f"{tuple(source.shape)} and {tuple(depth_m.shape)}",
            remedy="resize the disparity to the picture first",
        )
    inverse = torch.linalg.inv(intrinsics[:, :3, :3].float())
    points_m = back_project(depth_m.float(), inverse, centre_px=centre_px)
    positions_px, ahead_m = project(points_m, intrinsics=intrinsics, pose=pose)
    last = positions_px.new_tensor([source.shape[3] - 1, source.shape[2] - 1])[:, None, None] + centre_px
    inside = ((positions_px >= centre_px) & (positions_px <= last)).all(dim=1) & (ahead_m > 0)
    return Reprojection(sample_at(source.float(), positions_px, centre_px=centre_px), inside)
