# SPDX-License-Identifier: Apache-2.0
"""Rotation vectors and translations enter, rigid 4x4 matrices leave; so does their inverse."""

from __future__ import annotations

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError


def pose_matrix(*, axis_angle: Tensor, translation_m: Tensor) -> Tensor:
    """``[R | t]`` with R from Rodrigues' formula.

    Args:
        axis_angle: (B,3) axis times angle in radians; 0 is no rotation, with a finite gradient.
        translation_m: (B,3) metres, or the unit of the depths it is used with.

    Returns:
        (B,4,4) in the dtype of the translation: takes a point x to ``R x + t``.

    Raises:
        ContractError: shapes other than (B,3).

    >>> quarter = torch.tensor([[0.0, 0.0, torch.pi / 2]])
    >>> pose_matrix(axis_angle=quarter, translation_m=torch.tensor([[1.0, 2.0, 3.0]]))[0, :2].round().abs().tolist()
    [[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 2.0]]
    """
    if axis_angle.ndim != 2 or axis_angle.shape[1] != 3 or translation_m.shape != axis_angle.shape:
        raise ContractError(
            expected="axis_angle and translation_m of shape (B,3)",
            got=f"{tuple(axis_angle.shape)} and {tuple(translation_m.shape)}",
            remedy="squeeze what the pose network adds",
        )
    squared = axis_angle.square().sum(dim=1)[:, None, None]
    small = squared < 1e-8  # below it the limits are exact in float32, and the root has no gradient at 0
    angle = torch.where(small, 1, squared).sqrt()
    sine_share = torch.where(small, 1, angle.sin() / angle)
    cosine_share = torch.where(small, 0.5, (1 - angle.cos()) / angle.square())
    x, y, z = axis_angle.unbind(dim=1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(-1, 3, 3)
    one = torch.eye(3, dtype=cross.dtype, device=cross.device)
    with torch.autocast(cross.device.type, enabled=False):  # it would multiply in half precision
        rotation = one + sine_share * cross + cosine_share * (cross @ cross)
    return _homogeneous(rotation.to(translation_m.dtype), translation_m)


def inverse_pose(pose: Tensor) -> Tensor:
    """``[R^T | -R^T t]``: (B,4,4) rigid -> (B,4,4), units kept.

    >>> shift = pose_matrix(axis_angle=torch.zeros(1, 3), translation_m=torch.tensor([[1.0, 2.0, 3.0]]))
    >>> inverse_pose(shift)[0, :3, 3].tolist()
    [-1.0, -2.0, -3.0]
    """
    back = pose[:, :3, :3].transpose(1, 2)
    with torch.autocast(pose.device.type, enabled=False):
        return _homogeneous(back, -(back @ pose[:, :3, 3:]).squeeze(2))


def _homogeneous(rotation: Tensor, translation: Tensor) -> Tensor:
    last = rotation.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(rotation), 1, 4)
    return torch.cat([torch.cat([rotation, translation.unsqueeze(2)], dim=2), last], dim=1)
