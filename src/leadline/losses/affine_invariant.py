# SPDX-License-Identifier: Apache-2.0
"""Maps known up to scale and shift enter, how far they differ after each was centred and scaled by itself leaves."""

from __future__ import annotations

import torch
from torch import Tensor

from leadline.losses.gradient import multi_scale_gradient
from leadline.losses.pooling import SumAcross, keep, masked_pair, pooled_mean

SMALLEST_SPREAD = 1e-6  # below it a map counts as flat; its deviations are then divided by this


def affine_invariant(*, predicted: Tensor, target: Tensor, valid: Tensor, sum_across: SumAcross = keep) -> Tensor:
    """Mean absolute difference of median-centred, spread-scaled maps   (Depth Anything, arXiv 2401.10891; MiDaS ssi-mae).

    Each map becomes (d - median) / mean |d - median| over its valid pixels; the median is the lower of two middle values.
    Mean per image, then over the images of the global batch that have a valid pixel.

    Args:
        predicted, target: (B,H,W) of one claim, for Depth Anything both disparity; any units.
        valid: (B,H,W) bool.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, without unit; 0 with zero gradient where no pixel is valid.  Positive factors and shifts of
        either map change nothing.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``.

    >>> truth = torch.tensor([[[1.0, 2.0, 4.0]]])
    >>> round(affine_invariant(predicted=3 * truth + 5, target=truth, valid=truth > 0).item(), 6)
    0.0
    """
    pair = masked_pair(predicted=predicted, target=target, valid=valid)
    error = (standardised(pair.predicted, valid) - standardised(pair.target, valid)).abs()
    pixels = valid.sum(dim=(1, 2))
    per_image = torch.where(valid, error, 0).sum(dim=(1, 2)) / pixels.clamp(min=1)
    return pooled_mean(per_image, pixels > 0, sum_across)


def affine_invariant_gradient(*, predicted: Tensor, target: Tensor, valid: Tensor, sum_across: SumAcross = keep) -> Tensor:
    """Multi-scale gradient matching of the standardised maps, L_gm   (MiDaS; Depth Anything V2, arXiv 2406.09414).

    Args:
        predicted, target, valid, sum_across: as in ``affine_invariant``.

    Returns:
        (), float32 or float64, without unit; the invariances of ``affine_invariant``.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``.

    >>> truth = torch.tensor([[[1.0, 2.0, 4.0]]])
    >>> round(affine_invariant_gradient(predicted=3 * truth + 5, target=truth, valid=truth > 0).item(), 6)
    0.0
    """
    pair = masked_pair(predicted=predicted, target=target, valid=valid)
    return multi_scale_gradient(
        predicted_m=standardised(pair.predicted, valid),
        target_m=standardised(pair.target, valid),
        valid=valid,
        sum_across=sum_across,
    )


def standardised(values: Tensor, valid: Tensor) -> Tensor:
    """(values - median) / mean absolute deviation over the valid pixels of each map: (B,H,W), any unit -> (B,H,W), none.

    Zero everywhere in a map without a valid pixel; where ``valid`` is false the numbers mean nothing but are finite if the
    values are.

    >>> standardised(torch.tensor([[[1.0, 2.0, 9.0]]]), torch.tensor([[[True, True, False]]]))[..., :2]
    tensor([[[0., 2.]]])
    """
    pixels = valid.sum(dim=(1, 2)).clamp(min=1)
    known = torch.where(valid, values, torch.nan).flatten(1)
    median = torch.where(valid.flatten(1).any(dim=1), known.nanmedian(dim=1).values, 0)[:, None, None]
    centred = torch.where(valid, values - median, 0)
    spread = centred.abs().sum(dim=(1, 2)) / pixels
    return centred / spread.clamp(min=SMALLEST_SPREAD)[:, None, None]
