# SPDX-License-Identifier: Apache-2.0
"""Maps and their truth enter, smooth L1 of the values and of their steps to the right and down leaves."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from leadline.losses.pooling import SumAcross, keep, masked_pair, pooled_mean

STEPS_WEIGHT = 0.5  # of the JEPA-depth reference


def smooth_l1(
    *, predicted: Tensor, target: Tensor, valid: Tensor, steps_weight: float = STEPS_WEIGHT, sum_across: SumAcross = keep
) -> Tensor:
    """``h(p - t) + steps_weight (h(dx p - dx t) + h(dy p - dy t))``, h quadratic up to 1 and linear beyond (Girshick 2015).

    Each of the three is a mean over the image's valid pixels, or over neighbours that are both valid; then images are
    averaged.  The JEPA-depth reference's alternative loss, masked.

    Args:
        predicted, target: (B,H,W) of one unit in which 1 is a large error, e.g. shares of the largest depth.
        valid: (B,H,W) bool.
        steps_weight: weight of the steps.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, in that unit; exactly 0 with zero gradient where no pixel is valid or all are perfect.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``.

    >>> truth = torch.zeros(1, 2, 2)
    >>> smooth_l1(predicted=torch.tensor([[[1.0, 1.0], [1.0, 1.0]]]), target=truth, valid=truth == 0).item()
    0.5
    """
    pair = masked_pair(predicted=predicted, target=target, valid=valid)
    error = torch.where(pair.valid, pair.predicted - pair.target, 0)
    across, down = error.diff(dim=2), error.diff(dim=1)
    both_across, both_down = valid[:, :, 1:] & valid[:, :, :-1], valid[:, 1:] & valid[:, :-1]
    steps = _mean(across, both_across) + _mean(down, both_down)
    return pooled_mean(_mean(error, valid) + steps_weight * steps, valid.flatten(1).any(dim=1), sum_across)


def _mean(error: Tensor, counted: Tensor) -> Tensor:
    """(B,h,w) -> (B,) mean of h over what counts; 0 where nothing does."""
    cost = functional.smooth_l1_loss(error, torch.zeros_like(error), reduction="none")
    return torch.where(counted, cost, 0).sum(dim=(1, 2)) / counted.sum(dim=(1, 2)).clamp(min=1)
