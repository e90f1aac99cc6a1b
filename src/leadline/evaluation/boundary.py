# SPDX-License-Identifier: Apache-2.0
"""Are depth edges where they belong: a predicted map and true edges enter, accuracy and completeness in pixels leave.

Depth boundary errors of iBims-1 (Koch et al. 2018, sec. 3.3) as the authors' public Python computes them.  The authors note
that these differ from the numbers of their MATLAB code and paper, so compare only with results of the Python.  Two rules to
know: accuracy looks only at predicted edges nearer than 10 px to a true one, so spurious edges elsewhere are free; and
completeness is symmetric, the mean over predicted and true edge pixels together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from leadline.evaluation.edges import canny, truncated_distance

CANNY_SIGMA_PX = math.sqrt(2.0)
CANNY_LOW, CANNY_HIGH = 0.15, 0.3
REACH_PX = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundaryError:
    """Depth boundary errors of one image; both NaN where the truth has no edges.

    Attributes:
        accuracy_px: mean distance to the true edges of those predicted ones that are nearer than 10; 10 where none is.
        completeness_px: mean distance of either edges to the other, each at most 10; 10 where none is near.
    """

    accuracy_px: float
    completeness_px: float


def boundary_error(predicted: Tensor, true_edges: Tensor) -> BoundaryError:
    """Depth boundary errors of one image (iBims-1, Koch et al. 2018, sec. 3.3).

    Args:
        predicted: (H, W) finite depth; min-max normalised here, so any unit and any positive scale and shift give the same.
        true_edges: (H, W) bool.

    Returns:
        Both errors in pixels.

    >>> true_edges = torch.zeros(30, 30, dtype=torch.bool).index_fill(1, torch.tensor(15), True)
    >>> boundary_error(torch.ones(30, 30), true_edges)
    BoundaryError(accuracy_px=10.0, completeness_px=10.0)
    """
    if not bool(true_edges.any()):
        return BoundaryError(accuracy_px=math.nan, completeness_px=math.nan)
    edges = canny(_normalised(predicted), sigma_px=CANNY_SIGMA_PX, low=CANNY_LOW, high=CANNY_HIGH)
    to_truth = truncated_distance(true_edges, REACH_PX)
    near_truth = edges & (to_truth < REACH_PX)
    if not bool(near_truth.any()):
        return BoundaryError(accuracy_px=float(REACH_PX), completeness_px=float(REACH_PX))
    to_prediction = truncated_distance(edges, REACH_PX)
    both_ways = to_truth[edges].sum() + to_prediction[true_edges].sum()
    return BoundaryError(
        accuracy_px=float(to_truth[near_truth].mean()),
        completeness_px=float(both_ways / (edges.sum() + true_edges.sum())),
    )


def _normalised(values: Tensor) -> Tensor:
    low, high = values.min(), values.max()
    return torch.zeros_like(values) if bool(low == high) else (values - low) / (high - low)
