# SPDX-License-Identifier: Apache-2.0
"""Maps stitched from two pictures enter, their affine-invariant loss with each region scaled by itself leaves."""

from __future__ import annotations

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.affine_invariant import summed_differences
from leadline.losses.pooling import MaskedPair, SumAcross, check_share, keep, masked_pair, pooled_mean


def regional(
    *,
    predicted: Tensor,
    target: Tensor,
    valid: Tensor,
    inside: Tensor,
    ignore_largest: float = 0.0,
    sum_across: SumAcross = keep,
) -> Tensor:
    """Affine-invariant loss of CutMix pictures, weighted by area   (Depth Anything, arXiv 2401.10891, eq. 6-8).

    Labels of two pictures share neither scale nor shift, so median and spread are those of one region at a time:
    |M| / HW * L(pixels inside) + (1 - |M| / HW) * L(pixels outside), with L as in ``losses.affine_invariant``.

    Args:
        predicted: (B,H,W), what the network says of the mixed pictures; any unit.
        target: (B,H,W), the labels stitched as the pictures were.
        valid: (B,H,W) bool, stitched likewise.
        inside: (B,H,W) bool, M: true where the picture comes from the first of the two.  True or false everywhere gives the
            plain loss.
        ignore_largest: share of each region's valid pixels that is left out, as in ``losses.affine_invariant``.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, without unit, mean over the images of the global batch that have a valid pixel; 0 with zero
        gradient where none is.  A region without a valid pixel leaves its weight to the other.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``, also for ``inside``; a share outside [0, 1).

    >>> truth = torch.tensor([[[1.0, 2.0, 4.0, 1.0, 5.0]]])
    >>> inside = torch.tensor([[[True, True, True, False, False]]])
    >>> guess = torch.where(inside, 3 * truth + 1, truth - 7)
    >>> round(regional(predicted=guess, target=truth, valid=truth > 0, inside=inside).item(), 6)
    0.0
    """
    check_share("ignore_largest", ignore_largest)
    predicted, target, valid = masked_pair(predicted=predicted, target=target, valid=valid)
    if inside.shape != valid.shape or inside.dtype != torch.bool:
        raise ContractError(
            expected=f"inside as a boolean mask of shape {tuple(valid.shape)}",
            got=f"{inside.dtype} of shape {tuple(inside.shape)}",
            remedy="pass the mask that mixed the pictures",
        )
    area = inside.to(predicted.dtype).mean(dim=(1, 2))
    loss, weight = torch.zeros_like(area), torch.zeros_like(area)
    for region, share in ((inside, area), (~inside, 1 - area)):
        sums, kept = summed_differences(MaskedPair(predicted, target, valid & region), ignore_largest)
        counted = torch.where(kept > 0, share, 0)
        loss, weight = loss + counted * sums / kept.clamp(min=1), weight + counted
    judged = valid.any(dim=2).any(dim=1)
    return pooled_mean(loss / torch.where(judged, weight, 1), judged, sum_across)
