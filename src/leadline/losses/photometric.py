# SPDX-License-Identifier: Apache-2.0
"""A picture and its reconstruction enter, how much they differ at each pixel leaves."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.maps import full_precision

SSIM_WEIGHT = 0.85  # Godard et al. 2017, sec. 3.3; the rest is L1
_LUMINANCE, _CONTRAST = 0.01**2, 0.03**2  # C1 and C2 of Wang et al. 2004 for values in [0, 1]
_MIDDLE = 0.5


def photometric_difference(*, image: Tensor, target: Tensor, ssim_weight: float = SSIM_WEIGHT) -> Tensor:
    """``ssim_weight * (1 - SSIM) / 2 + (1 - ssim_weight) * |image - target|``   (Godard et al. 2017, eq. 2).

    Args:
        image, target: (B,3,H,W) RGB in [0,1], H and W at least 2.
        ssim_weight: between 0, absolute differences only, and 1, structure only.

    Returns:
        (B,H,W) float32 or float64 without unit: mean over the channels.

    Raises:
        ContractError: shapes that differ, or a weight outside [0, 1].

    >>> import torch
    >>> one, other = torch.full((1, 3, 4, 4), 0.3), torch.full((1, 3, 4, 4), 0.7)
    >>> round(photometric_difference(image=one, target=other)[0, 0, 0].item(), 4)
    0.1772
    """
    if not 0 <= ssim_weight <= 1:
        raise ContractError(expected="ssim_weight in [0, 1]", got=f"{ssim_weight}", remedy="pass e.g. 0.85")
    absolute = l1_difference(image=image, target=target)
    if ssim_weight == 0:
        return absolute
    return ssim_weight * ssim_difference(image=image, target=target) + (1 - ssim_weight) * absolute


def l1_difference(*, image: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the channels: (B,C,H,W) of one unit each -> (B,H,W) in it, float32 or float64.

    Raises:
        ContractError: shapes that differ.

    >>> import torch
    >>> l1_difference(image=torch.zeros(1, 3, 1, 1), target=torch.full((1, 3, 1, 1), 0.5)).item()
    0.5
    """
    image, target = checked_pair(image, target)
    return (image - target).abs().mean(dim=1)


def ssim_difference(*, image: Tensor, target: Tensor) -> Tensor:
    """``clamp((1 - SSIM) / 2, 0, 1)`` with means over 3x3 pixels of the mirrored picture   (monodepth2 ``layers.SSIM``).

    Args:
        image, target: (B,C,H,W) in [0,1], H and W at least 2.

    Returns:
        (B,H,W) float32 or float64 without unit: mean over the channels, 0 where both are equal.

    Raises:
        ContractError: shapes that differ, or a picture one pixel high or wide.

    >>> import torch
    >>> round(ssim_difference(image=torch.full((1, 1, 2, 2), 0.3), target=torch.full((1, 1, 2, 2), 0.7))[0, 0, 0].item(), 4)
    0.1379
    """
    image, target = checked_pair(image, target)
    if min(image.shape[2:]) < 2:
        raise ContractError(
            expected="pictures of at least 2x2 pixels",
            got=f"{tuple(image.shape)}",
            remedy="SSIM mirrors one pixel at each border",
        )
    # around the middle of the range: a small variance is not lost between two large squares
    x, y = (F.pad(one - _MIDDLE, (1, 1, 1, 1), mode="reflect") for one in (image, target))
    mean_x, mean_y, square_x, square_y, product = (_means(one) for one in (x, y, x * x, y * y, x * y))
    contrast = 2 * (product - mean_x * mean_y) + _CONTRAST
    contrast = contrast / (square_x - mean_x.square() + square_y - mean_y.square() + _CONTRAST)
    mean_x, mean_y = mean_x + _MIDDLE, mean_y + _MIDDLE
    similarity = contrast * (2 * mean_x * mean_y + _LUMINANCE) / (mean_x.square() + mean_y.square() + _LUMINANCE)
    return ((1 - similarity) / 2).clamp(0, 1).mean(dim=1)


def _means(values: Tensor) -> Tensor:
    """Means of 3x3 pixels, (B,C,H+2,W+2) -> (B,C,H,W); slices take a fifth of the time of a pooling layer on a CPU."""
    rows = values[:, :, :-2] + values[:, :, 1:-1] + values[:, :, 2:]
    return (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 9


def checked_pair(image: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Two pictures (B,C,H,W) of one shape and unit, in full precision.

    Raises:
        ContractError: shapes that differ or have no batch.
    """
    if image.shape != target.shape or image.ndim != 4:
        raise ContractError(
            expected="two pictures (B,C,H,W) of one shape",
            got=f"image {tuple(image.shape)} and target {tuple(target.shape)}",
            remedy="add the batch dimension, and give both the same channels",
        )
    return full_precision(image), full_precision(target)
