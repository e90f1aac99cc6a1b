# SPDX-License-Identifier: Apache-2.0
"""Metres enter, losses of depth differences between neighbouring pixels leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from leadline.losses.pooling import SumAcross, check_choice, keep, masked_pair, pooled_mean

GradientNorm = Literal["per_scale", "full"]
"""What a scale's steps are divided by: its own valid pixels (the copied code) or those at full size (the papers)."""

ANGLE_OFFSET_M = 1e-10  # ZoeDepth adds it to the horizontal difference before it divides by it
FLAT_M = 1e-2  # below this step per pixel the angle's gradient is damped, see ``gradient_l1``


def gradient_l1(*, predicted_m: Tensor, target_m: Tensor, valid: Tensor, sum_across: SumAcross = keep) -> Tensor:
    """Mean absolute difference of squared lengths plus that of angles of the depth gradients   (ZoeDepth ``GradL1Loss``).

    With dx, dy the steps to a pixel from its left and upper neighbour, the squared length is dx^2 + dy^2 and the angle
    atan(dy / dx).  Values are those of the released loss.  Its gradient is not, where the ground is nearly flat: there
    the derivative of the angle grows as 1 / length and drowns all other terms in rounding noise.  Below a length of
    ``FLAT_M`` it is scaled by (length / FLAT_M)^2, so it goes to 0 where nothing has a direction.

    Args:
        predicted_m, target_m: (B,H,W) metres, H and W at least 2.
        valid: (B,H,W) bool; a pixel counts if it and both neighbours are valid.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64: m^2 of the lengths plus radians of the angles; 0 with zero gradient where no pixel counts.
        A shift of the prediction changes nothing, a factor does.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``.

    >>> truth, guess = torch.tensor([[[1.0, 1.0], [1.0, 2.0]]]), torch.tensor([[[1.0, 2.0], [3.0, 5.0]]])
    >>> round(gradient_l1(predicted_m=guess, target_m=truth, valid=truth > 0).item(), 5)
    11.1974
    """
    predicted, target, mask = masked_pair(predicted=predicted_m, target=target_m, valid=valid)
    counts = mask[:, 1:, 1:] & mask[:, 1:, :-1] & mask[:, :-1, 1:]
    (length_p, angle_p), (length_t, angle_t) = _polar(predicted), _polar(target)
    return pooled_mean((length_p - length_t).abs() + (angle_p - angle_t).abs(), counts, sum_across)


def multi_scale_gradient(
    *,
    predicted_m: Tensor,
    target_m: Tensor,
    valid: Tensor,
    strides: Sequence[int] = (1, 2, 4, 8),
    norm: GradientNorm = "per_scale",
    sum_across: SumAcross = keep,
) -> Tensor:
    """Gradient matching at several strides   (MegaDepth, Li & Snavely 2018; form of MiDaS and Metric3D).

    Per stride and image: the absolute steps of the error ``predicted - target`` between neighbours that are both valid,
    horizontal and vertical, summed, divided by a number of valid pixels of the image.  Mean over the images of the global
    batch that have a valid pixel, sum over the strides.

    Args:
        predicted_m, target_m: (B,H,W) metres, or any other common unit.
        valid: (B,H,W) bool.
        strides: every n-th row and column is kept.
        norm: divide by the valid pixels at that stride, which gives coarse strides more weight, or at stride 1.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, in the unit of the depths; 0 with zero gradient where no neighbours are valid.  A shift of
        the prediction changes nothing.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``; another word for ``norm``.

    >>> flat, ramp = torch.ones(1, 1, 3), torch.tensor([[[1.0, 2.0, 3.0]]])
    >>> round(multi_scale_gradient(predicted_m=ramp, target_m=flat, valid=flat > 0, strides=(1,)).item(), 4)
    0.6667
    """
    predicted, target, mask = masked_pair(predicted=predicted_m, target=target_m, valid=valid)
    per_image = steps_per_pixel(predicted - target, mask, strides=strides, norm=norm)
    return pooled_mean(per_image, mask.any(dim=2).any(dim=1), sum_across)


def steps_per_pixel(error: Tensor, valid: Tensor, *, strides: Sequence[int], norm: GradientNorm) -> Tensor:
    """What ``multi_scale_gradient`` says of each image: (B,H,W) -> (B,), unit kept.

    ``error`` is finite everywhere, also where not valid; the rest is as there.
    """
    check_choice("norm", norm, get_args(GradientNorm))
    ones = valid.to(error.dtype)  # products with it are many times as fast as torch.where
    per_stride = []
    for n in strides:
        coarse, known = (error, ones) if n == 1 else (error[:, ::n, ::n], ones[:, ::n, ::n])
        down = coarse.diff(dim=1).abs() * (known[:, 1:] * known[:, :-1])
        across = coarse.diff(dim=2).abs() * (known[:, :, 1:] * known[:, :, :-1])
        pixels = (known if norm == "per_scale" else ones).sum(dim=(1, 2))
        per_stride.append((down.sum(dim=(1, 2)) + across.sum(dim=(1, 2))) / pixels.clamp(min=1))
    return torch.stack(per_stride).sum(dim=0)


def _polar(depth_m: Tensor) -> tuple[Tensor, Tensor]:
    """(B,H,W) -> squared lengths and angles of the depth gradient, each (B,H-1,W-1)."""
    dx = depth_m[:, 1:, 1:] - depth_m[:, 1:, :-1]
    dy = depth_m[:, 1:, 1:] - depth_m[:, :-1, 1:]
    squared_length = dx.square() + dy.square()
    across, down = dx.detach() + ANGLE_OFFSET_M, dy.detach()
    angle = (down / torch.where(across == 0, ANGLE_OFFSET_M, across)).atan()
    # d angle = (dx d(dy) - dy d(dx)) / length^2, added as a term whose value is 0
    step = (across * dy - down * dx) / (across.square() + down.square()).clamp(min=FLAT_M**2)
    return squared_length, angle + (step - step.detach())
