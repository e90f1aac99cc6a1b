# SPDX-License-Identifier: Apache-2.0
"""Predictions known up to scale and shift enter, their distance from the target after the best fit leaves."""

from __future__ import annotations

from torch import Tensor

from leadline.geometry.alignment import fit_scale_shift
from leadline.losses.pooling import SumAcross, keep, masked_pair, pooled_mean


def scale_and_shift_invariant(*, predicted: Tensor, target: Tensor, valid: Tensor, sum_across: SumAcross = keep) -> Tensor:
    """Mean absolute error after a least-squares scale and shift per image   (MiDaS, Ranftl et al. 2020).

    For library users who train on affine-invariant truth; no recipe here uses it yet.

    The mean is over the valid pixels of the whole global batch.  Gradients flow through the fit.

    Args:
        predicted, target: (B,H,W) of one claim, both depth or both disparity; any units.
        valid: (B,H,W) bool.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, in the unit of the target; 0 with zero gradient where no pixel is valid.  The fitted scale
        may be negative, so a prediction turned upside down scores the same.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``.

    >>> import torch
    >>> truth = torch.tensor([[[1.0, 2.0, 4.0]]])
    >>> round(scale_and_shift_invariant(predicted=5 - 2 * truth, target=truth, valid=truth > 0).item(), 5)
    0.0
    """
    pair = masked_pair(predicted=predicted, target=target, valid=valid)
    fit = fit_scale_shift(predicted=pair.predicted, target=pair.target, valid=pair.valid)
    scale, shift = (value[:, None, None].to(pair.predicted.dtype) for value in fit)
    return pooled_mean((scale * pair.predicted + shift - pair.target).abs(), pair.valid, sum_across)
