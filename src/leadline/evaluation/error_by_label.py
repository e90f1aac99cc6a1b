# SPDX-License-Identifier: Apache-2.0
"""Predicted and true metres and a label per pixel enter; AbsRel and the number of pixels of every label leave."""

from __future__ import annotations

import torch
from torch import Tensor


def abs_rel_by_label(*, predicted_m: Tensor, target_m: Tensor, label: Tensor, labels: int) -> tuple[Tensor, Tensor]:
    """Mean |p - t| / t of the pixels of each label (Eigen et al. 2014, within a part of the image).

    Args:
        predicted_m, target_m: (H, W) metres, positive where a label is; or both in one other unit.
        label: (H, W) int64 in [0, labels); where it is negative nothing is read, NaN is harmless.
        labels: how many there are.

    Returns:
        (labels,) float64 means, NaN where a label has no pixel, and (labels,) int64 pixels.  Means weighed by pixels are
        those of all pixels together.

    >>> p, t = torch.tensor([[2.0, 3.0, 9.0]]), torch.tensor([[1.0, 4.0, 3.0]])
    >>> abs_rel_by_label(predicted_m=p, target_m=t, label=torch.tensor([[1, 1, -1]]), labels=2)[0].tolist()
    [nan, 0.625]
    """
    counted = label >= 0
    predicted, target, part = predicted_m[counted].double(), target_m[counted].double(), label[counted]
    pixels = torch.bincount(part, minlength=labels)
    total = torch.bincount(part, weights=(predicted - target).abs() / target, minlength=labels)
    return total / pixels, pixels


def distance_bin(depth_m: Tensor, edges_m: tuple[float, ...]) -> Tensor:
    """Which of the intervals (edges[i], edges[i + 1]] each depth lies in, -1 outside all.  (...), m -> (...) int64.

    >>> distance_bin(torch.tensor([0.0, 5.0, 5.1, 11.0]), (0.0, 5.0, 10.0)).tolist()
    [-1, 0, 1, -1]
    """
    inside = (depth_m > edges_m[0]) & (depth_m <= edges_m[-1])
    found = torch.bucketize(torch.where(inside, depth_m, edges_m[-1]).double(), torch.tensor(edges_m[1:]).double())
    return torch.where(inside, found, -1)
