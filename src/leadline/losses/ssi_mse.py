# SPDX-License-Identifier: Apache-2.0
"""Predictions known up to scale and shift enter, their squared distance from the target after the best fit leaves."""

from __future__ import annotations

import torch
from torch import Tensor

from leadline.geometry.alignment import fit_scale_shift
from leadline.losses.pooling import Pooling, SumAcross, keep, masked_pair, pooled_over_images


def ssi_mse(
    *, predicted: Tensor, target: Tensor, valid: Tensor, pooling: Pooling = "image", sum_across: SumAcross = keep
) -> Tensor:
    """Half the mean squared error after a closed-form least-squares scale and shift per image   (MiDaS, Ranftl et al. 2020).

    (1 / 2M) sum (s p + t - d)^2 over an image's M valid pixels.  Where the fit is degenerate, s is 0 and t the mean of the
    target (MiDaS takes 0 and 0).

    Args:
        predicted, target: (B,H,W) of one claim, both depth or both disparity; any units.
        valid: (B,H,W) bool.
        pooling: the mean over the images of the global batch that have a valid pixel, or over all of its valid pixels.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, in the unit of the target squared; 0 with zero gradient where no pixel is valid.  The fitted
        scale may be negative, so a prediction turned upside down scores the same; a constant one gets no gradient.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``; another word for ``pooling``.

    >>> truth = torch.tensor([[[1.0, 2.0, 4.0]]])
    >>> round(ssi_mse(predicted=5 - 2 * truth, target=truth, valid=truth > 0).item(), 5)
    0.0
    """
    pair = masked_pair(predicted=predicted, target=target, valid=valid)
    with torch.no_grad():  # at the best fit the error does not change with it, so no gradient passes through it
        fit = fit_scale_shift(predicted=pair.predicted, target=pair.target, valid=valid)
    scale, shift = (value[:, None, None].to(pair.predicted.dtype) for value in fit)
    residual = torch.where(valid, scale * pair.predicted + shift - pair.target, 0)
    return pooled_over_images(residual.square().sum(dim=(1, 2)) / 2, valid.sum(dim=(1, 2)), pooling, sum_across)
