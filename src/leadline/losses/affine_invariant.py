# SPDX-License-Identifier: Apache-2.0
"""Maps known up to scale and shift enter, how far they differ after each was centred and scaled by itself leaves."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from leadline.losses.gradient import GradientNorm, steps_per_pixel
from leadline.losses.pooling import (
    MaskedPair,
    Pooling,
    SumAcross,
    check_share,
    keep,
    masked_pair,
    pooled_mean,
    pooled_over_images,
)
from leadline.losses.selection import lower_medians, smallest_weights

SMALLEST_SPREAD = 1e-6  # below it a map counts as flat; its deviations are then divided by this


def affine_invariant(
    *,
    predicted: Tensor,
    target: Tensor,
    valid: Tensor,
    pooling: Pooling = "image",
    ignore_largest: float = 0.0,
    sum_across: SumAcross = keep,
) -> Tensor:
    """Mean absolute difference of median-centred, spread-scaled maps   (Depth Anything, arXiv 2401.10891; MiDaS ssi-mae).

    Each map becomes (d - median) / mean |d - median| over its valid pixels; the median is the lower of two middle values.

    Args:
        predicted, target: (B,H,W) of one claim, for Depth Anything both disparity; any units.
        valid: (B,H,W) bool.
        pooling: the mean over the images of the global batch that have a valid pixel, or over all of its valid pixels.
        ignore_largest: this share of each image's pixels, those with the largest difference, is left out after the maps were
            scaled (Depth Anything V2, arXiv 2406.09414: a tenth, on pseudo-labels); ties as in
            ``losses.selection.smallest_weights``.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, without unit; 0 with zero gradient where no pixel is valid.  Positive factors and shifts of
        either map change nothing.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``; a share outside [0, 1), or another word for ``pooling``.

    >>> import torch
    >>> truth = torch.tensor([[[1.0, 2.0, 4.0]]])
    >>> round(affine_invariant(predicted=3 * truth + 5, target=truth, valid=truth > 0).item(), 6)
    0.0
    """
    check_share("ignore_largest", ignore_largest)
    pair = masked_pair(predicted=predicted, target=target, valid=valid)
    return pooled_over_images(*summed_differences(pair, ignore_largest), pooling, sum_across)


def affine_invariant_gradient(
    *,
    predicted: Tensor,
    target: Tensor,
    valid: Tensor,
    norm: GradientNorm = "per_scale",
    scales: int = 4,
    sum_across: SumAcross = keep,
) -> Tensor:
    """Multi-scale gradient matching of the standardised maps, L_gm   (MiDaS; Depth Anything V2, arXiv 2406.09414).

    Args:
        predicted, target, valid, sum_across: as in ``affine_invariant``.
        norm: as in ``losses.gradient.multi_scale_gradient``.
        scales: how many; every pixel, every second, every fourth...

    Returns:
        (), float32 or float64, without unit; the invariances of ``affine_invariant``.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``, and ``losses.gradient.multi_scale_gradient`` for ``norm``.

    >>> import torch
    >>> truth = torch.tensor([[[1.0, 2.0, 4.0]]])
    >>> round(affine_invariant_gradient(predicted=3 * truth + 5, target=truth, valid=truth > 0).item(), 6)
    0.0
    """
    pair = masked_pair(predicted=predicted, target=target, valid=valid)
    per_image = steps_per_pixel(_difference(pair), valid, strides=[2**scale for scale in range(scales)], norm=norm)
    return pooled_mean(per_image, valid.any(dim=2).any(dim=1), sum_across)


def summed_differences(pair: MaskedPair, ignore_largest: float) -> tuple[Tensor, Tensor]:
    """Sum of |standardised prediction - standardised target| over the pixels that are kept, and their number: (B,) each.

    Both without unit.  ``pair`` is (B,H,W) in any unit, ``ignore_largest`` as in ``affine_invariant``.
    """
    difference = _difference(pair).abs()
    weights, kept = smallest_weights(difference, pair.valid, ignore_largest=ignore_largest)
    return (difference * weights).sum(dim=(1, 2)), kept


def standardised(values: Tensor, valid: Tensor) -> Tensor:
    """(values - median) / mean absolute deviation over the valid pixels of each map: (B,H,W), any unit -> (B,H,W), none.

    The values are finite everywhere, as ``losses.pooling.masked_pair`` makes them; the result is 0 where not valid.

    >>> import torch
    >>> standardised(torch.tensor([[[1.0, 2.0, 9.0]]]), torch.tensor([[[True, True, False]]]))
    tensor([[[0., 2., 0.]]])
    """
    return standardised_maps([values], valid)[0]


def standardised_maps(maps: Sequence[Tensor], valid: Tensor) -> list[Tensor]:
    """``standardised`` of several maps (B,H,W) that share one mask: (B,H,W) each, without unit.

    >>> import torch
    >>> standardised_maps([torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[5.0, 5.0, 5.0]]])], torch.ones(1, 1, 3) > 0)
    [tensor([[[-1.5000,  0.0000,  1.5000]]]), tensor([[[0., 0., 0.]]])]
    """
    ones = valid.to(maps[0].dtype)  # the product with it is many times as fast as torch.where
    pixels = ones.sum(dim=(1, 2)).clamp(min=1)
    results = []
    for values, median in zip(maps, lower_medians(maps, valid), strict=True):
        centred = (values - median[:, None, None]) * ones
        spread = centred.abs().sum(dim=(1, 2)) / pixels
        results.append(centred / spread.clamp(min=SMALLEST_SPREAD)[:, None, None])
    return results


def _difference(pair: MaskedPair) -> Tensor:
    """Standardised prediction minus standardised target, (B,H,W) without unit."""
    predicted, target = standardised_maps([pair.predicted, pair.target], pair.valid)
    return predicted - target
