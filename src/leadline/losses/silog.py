# SPDX-License-Identifier: Apache-2.0
"""Positive maps enter, scale-invariant logarithmic losses leave; elsewhere they share one name, here each says whose."""

from __future__ import annotations

import torch
from torch import Tensor

from leadline.losses.pooling import SumAcross, check_share, keep, masked_pair, pooled_mean, pooled_moments, root
from leadline.losses.selection import smallest_weights

LOG_OFFSET_M = 1e-7  # ZoeDepth adds it to both depths before the logarithm
SMALLEST_VALUE = 1e-6  # the architecture reference lifts both maps to it before the logarithm
LOSS_FACTOR = 10.0  # AdaBins and ZoeDepth; Depth Anything V2 has none


def zoe_silog(
    *, predicted_m: Tensor, target_m: Tensor, valid: Tensor, beta: float = 0.15, sum_across: SumAcross = keep
) -> Tensor:
    """``10 sqrt(var(g) + beta mean(g)^2)`` with g = log(predicted) - log(target)   (ZoeDepth ``SILogLoss``).

    The variance is the unbiased one (N - 1) over the valid pixels of the whole global batch; with one pixel it is 0.

    Args:
        predicted_m, target_m: (B,H,W) metres, not negative where valid.
        valid: (B,H,W) bool.
        beta: weight of the squared mean: 0 ignores the global scale, 1 is the root mean square.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, no unit; exactly 0 with zero gradient where no pixel is valid or all are perfect.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``.

    >>> import torch
    >>> truth = torch.tensor([[[1.0, 2.0, 4.0, 8.0]]])
    >>> guess = torch.tensor([[[1.1, 1.8, 4.4, 10.4]]])
    >>> round(zoe_silog(predicted_m=guess, target_m=truth, valid=truth > 0).item(), 5)
    1.54156
    """
    predicted, target, mask = masked_pair(predicted=predicted_m, target=target_m, valid=valid)
    difference = (predicted + LOG_OFFSET_M).log() - (target + LOG_OFFSET_M).log()
    count, mean, squares = pooled_moments(difference, mask, sum_across)
    return LOSS_FACTOR * root(squares / (count - 1).clamp(min=1) + beta * mean.square())


def dav2_silog(
    *, predicted_m: Tensor, target_m: Tensor, valid: Tensor, variance_weight: float = 0.5, sum_across: SumAcross = keep
) -> Tensor:
    """``sqrt(mean(d^2) - variance_weight mean(d)^2)``, d = log(target) - log(predicted)  (Depth Anything V2 ``SiLogLoss``).

    Computed as the biased variance plus (1 - variance_weight) mean(d)^2, which cannot cancel to a negative number.

    Args:
        predicted_m, target_m: (B,H,W) metres, positive where valid.
        valid: (B,H,W) bool.
        variance_weight: in [0, 1]; 1 ignores the global scale, 0 is the root mean square.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, no unit; exactly 0 with zero gradient where no pixel is valid or all are perfect.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``.

    >>> import torch
    >>> truth = torch.tensor([[[1.0, 2.0, 4.0, 8.0]]])
    >>> guess = torch.tensor([[[1.1, 1.8, 4.4, 10.4]]])
    >>> round(dav2_silog(predicted_m=guess, target_m=truth, valid=truth > 0).item(), 5)
    0.14405
    """
    predicted, target, mask = masked_pair(predicted=predicted_m, target=target_m, valid=valid)
    count, mean, squares = pooled_moments(target.log() - predicted.log(), mask, sum_across)
    return root(squares / count.clamp(min=1) + (1 - variance_weight) * mean.square())


def silog(
    *,
    predicted: Tensor,
    target: Tensor,
    valid: Tensor,
    variance_weight: float = 0.5,
    ignore_largest: float = 0.0,
    sum_across: SumAcross = keep,
) -> Tensor:
    """Mean over images of ``sqrt(mean(g^2) - variance_weight mean(g)^2)``, g = log(predicted) - log(target).

    As the Depth Anything V2 architecture reference writes it, which calls it scale- and shift-invariant: it is Eigen's loss
    (2014) per image, invariant to scale only at weight 1 and never to shift.  A prediction that is c times the target costs
    |ln c| sqrt(1 - variance_weight).

    Args:
        predicted, target: (B,H,W) of one claim and unit, both lifted to ``SMALLEST_VALUE``; below it a prediction gets no
            gradient.
        valid: (B,H,W) bool; targets of ``SMALLEST_VALUE`` or less do not count either.
        variance_weight: in [0, 1], the formula's lambda; 1 ignores the scale of each image, 0 is the root mean square.
        ignore_largest: this share of each image's pixels, those with the largest |g|, is left out (the reference: a tenth);
            ties as in ``losses.selection.smallest_weights``.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, no unit; exactly 0 with zero gradient where no pixel is valid or all are perfect.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``; a share outside [0, 1).

    >>> truth = torch.tensor([[[1.0, 2.0, 4.0, 8.0]]])
    >>> round(silog(predicted=2 * truth, target=truth, valid=truth > 0).item(), 6)
    0.490129
    """
    check_share("ignore_largest", ignore_largest)
    mean, variance, pixels = _log_moments(predicted=predicted, target=target, valid=valid, ignore_largest=ignore_largest)
    return pooled_mean(root(variance + (1 - variance_weight) * mean.square()), pixels > 0, sum_across)


def eigen_scale_invariant(
    *, predicted: Tensor, target: Tensor, valid: Tensor, variance_weight: float = 0.5, sum_across: SumAcross = keep
) -> Tensor:
    """Mean over images of ``mean(g^2) - variance_weight mean(g)^2``, g = log(predicted) - log(target)   (Eigen et al. 2014).

    The square of what ``silog`` averages: no root, so its gradient falls to 0 with the error.  Each image has its own sums:
    pooled over a batch, one prediction too far and another too near by the same factor would cancel in mean(g).

    Args:
        predicted, target: (B,H,W) of one claim and unit, both lifted to ``SMALLEST_VALUE``; below it a prediction gets no
            gradient.
        valid: (B,H,W) bool; targets of ``SMALLEST_VALUE`` or less do not count either.
        variance_weight: in [0, 1], the formula's lambda; 1 is the variance of g, 0 its mean square.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, no unit; exactly 0 with zero gradient where no pixel is valid or all are perfect.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``.

    >>> guess, truth = torch.tensor([[[1.0, 2.0, 4.0, 8.0]]]), torch.full((1, 1, 4), 2.0)
    >>> round(eigen_scale_invariant(predicted=guess, target=truth, valid=truth > 0).item(), 6)
    0.660623
    """
    mean, variance, pixels = _log_moments(predicted=predicted, target=target, valid=valid)
    return pooled_mean(variance + (1 - variance_weight) * mean.square(), pixels > 0, sum_across)


def _log_moments(
    *, predicted: Tensor, target: Tensor, valid: Tensor, ignore_largest: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance of g in each image, and how many of its pixels count: (B,) each."""
    pair = masked_pair(predicted=predicted, target=target, valid=valid)
    counted = valid & (pair.target > SMALLEST_VALUE)
    difference = log_difference(predicted=pair.predicted, target=pair.target)
    weights, pixels = smallest_weights(difference.abs(), counted, ignore_largest=ignore_largest)
    mean = (weights * torch.where(counted, difference, 0)).sum(dim=(1, 2)) / pixels.clamp(min=1)
    centred = torch.where(counted, difference - mean[:, None, None], 0)
    return mean, (weights * centred.square()).sum(dim=(1, 2)) / pixels.clamp(min=1), pixels


def log_difference(*, predicted: Tensor, target: Tensor) -> Tensor:
    """log(predicted) - log(target), both lifted to ``SMALLEST_VALUE`` first: any shape, e.g. (B,H,W); no unit.

    >>> log_difference(predicted=torch.tensor([1.0, 0.0]), target=torch.tensor([1.0, 1e-6])).tolist()
    [0.0, 0.0]
    """
    return predicted.clamp(min=SMALLEST_VALUE).log() - target.clamp(min=SMALLEST_VALUE).log()
