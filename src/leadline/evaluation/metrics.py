# SPDX-License-Identifier: Apache-2.0
"""The ten numbers of the field: predicted and true metres enter, one value of each per image leaves.

Everything is computed in float64 over the valid pixels of one image; means over images are the protocol's business.  With
p predicted, t true, e = ln p - ln t and E the mean over valid pixels:

    delta1, delta2, delta3   E[max(p/t, t/p) < 1.25^n]                  (Ladicky et al. 2014; Eigen et al. 2014)
    abs_rel, sq_rel          E[|p - t| / t],  E[(p - t)^2 / t]          (Eigen et al. 2014)
    rmse, rmse_log           sqrt E[(p - t)^2] in metres,  sqrt E[e^2]  (Eigen et al. 2014)
    log10                    E[|log10 p - log10 t|]                     (Saxena et al. 2009)
    silog                    100 sqrt(E[e^2] - E[e]^2)                  (KITTI benchmark, ZoeDepth)
    silog_da                 sqrt(E[e^2] - E[e]^2 / 2)                  (Depth Anything V2's own "silog")

Compared in disparity, p and t are 1 / metres: what is symmetric in p / t stays, the relative and square errors do not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

DEPTH_METRICS = ("delta1", "delta2", "delta3", "abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "silog_da")


def depth_metrics(*, predicted_m: Tensor, target_m: Tensor, valid: Tensor) -> dict[str, Tensor]:
    """All metrics of :data:`DEPTH_METRICS`, per image; formulas and sources stand at the top of the module.

    Args:
        predicted_m, target_m: (B, H, W) metres, positive where valid.
        valid: (B, H, W) bool; elsewhere nothing is read, NaN is harmless.

    Returns:
        Name -> (B,) float64; NaN for an image without a valid pixel.  ``rmse`` and ``sq_rel`` are in metres,
        ``silog`` is in percent, the rest have no unit.

    >>> one = torch.ones(1, 1, 2)
    >>> metrics = depth_metrics(predicted_m=1.1 * one, target_m=one, valid=one > 0)
    >>> round(metrics["abs_rel"].item(), 4), metrics["delta1"].item()
    (0.1, 1.0)
    """
    count = valid.sum(dim=(-2, -1)).double()
    predicted, target = (torch.where(valid, x.double(), 1.0) for x in (predicted_m, target_m))

    def mean(values: Tensor) -> Tensor:  # pixels outside ``valid`` hold p = t = 1, an error of 0 in every metric but delta
        return values.sum(dim=(-2, -1)) / count

    ratio = torch.maximum(predicted / target, target / predicted)
    difference = predicted - target
    log_error = predicted.log() - target.log()
    mean_square_log, square_mean_log = mean(log_error.square()), mean(log_error).square()
    return {
        **{f"delta{n}": mean((valid & (ratio < 1.25**n)).double()) for n in (1, 2, 3)},
        "abs_rel": mean(difference.abs() / target),
        "sq_rel": mean(difference.square() / target),
        "rmse": mean(difference.square()).sqrt(),
        "rmse_log": mean_square_log.sqrt(),
        "log10": mean(log_error.abs()) / math.log(10.0),
        # rounding can leave a variance of -1e-17 where the prediction is the truth times a constant
        "silog": 100.0 * (mean_square_log - square_mean_log).clamp(min=0.0).sqrt(),
        "silog_da": (mean_square_log - 0.5 * square_mean_log).sqrt(),
    }


def disparity_metrics(*, predicted_m: Tensor, target_m: Tensor, valid: Tensor) -> dict[str, Tensor]:
    """The metrics of :func:`depth_metrics` with inverse depth in place of depth, per image.

    Args:
        predicted_m, target_m: (B, H, W) metres, positive where valid; their inverses are compared.
        valid: (B, H, W) bool; elsewhere nothing is read, NaN is harmless.

    Returns:
        Name -> (B,) float64; NaN for an image without a valid pixel.  ``rmse`` and ``sq_rel`` are in 1/m, the delta and
        logarithmic metrics are those of depth.

    >>> truth = torch.tensor([[[1.0, 2.0, 4.0]]])
    >>> errors = disparity_metrics(predicted_m=truth * 2.0, target_m=truth, valid=truth > 0)
    >>> errors["abs_rel"].item()
    0.5
    """
    predicted, target = (torch.where(valid, x.double(), 1.0).reciprocal() for x in (predicted_m, target_m))
    return depth_metrics(predicted_m=predicted, target_m=target, valid=valid)
