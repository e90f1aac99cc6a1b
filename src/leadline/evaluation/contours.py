# SPDX-License-Identifier: Apache-2.0
"""Are occluding contours as sharp as the truth's: two maps, or a map and a mask, enter; F1 or recall in [0, 1] leaves.

Depth Pro (Bochkovskii et al. 2024, arXiv 2410.02073, sec. 3.2), as the authors' public code computes it.  A pair of
neighbours is a contour at ratio r where one value is more than r times the other.  Ten ratios from 1.05 to 1.25 weigh in
proportion to themselves; precision and recall are the mean over the four directions, and a direction in which there is
nothing counts 0, so that a truth with edges in k directions only allows at most k/4.  A ratio does not change with scale,
and turning depth into disparity only swaps opposite directions, so depth and disparity give the same numbers; a *shift*
does change ratios, so what is known up to a shift must be aligned first.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

RATIOS = tuple(1.05 + 0.2 * step / 9 for step in range(10))
"""Thresholds of the ratio of two neighbours, none."""

_Directions = tuple[Tensor, Tensor, Tensor, Tensor]


def boundary_f1(*, predicted: Tensor, target: Tensor, valid: Tensor) -> float:
    """Depth Pro's scale-invariant boundary F1 of one image.

    Args:
        predicted, target: (H, W), both depth or both inverse depth, any positive scale; positive where valid.
        valid: (H, W) bool; a pair counts where both its pixels are valid, elsewhere nothing is read.

    Returns:
        F1 in [0, 1], the weighted mean over ``RATIOS``; NaN where the truth has no contour at the least of them.

    >>> target = torch.ones(6, 6)
    >>> target[2:4, 2:4] = 2.0
    >>> boundary_f1(predicted=3 * target, target=target, valid=target > 0)
    1.0
    """
    pairs = _both_valid(valid)
    ours, truth = ([ratio[both] for ratio, both in zip(_ratios(x, valid), pairs, strict=True)] for x in (predicted, target))
    if not any(bool((ratio > RATIOS[0]).any()) for ratio in truth):
        return math.nan
    return _weighted([_f1(ours, truth, threshold) for threshold in RATIOS])


def boundary_recall(*, predicted_m: Tensor, foreground: Tensor) -> float:
    """Depth Pro's recall of the outline of a cut-out object (matting or segmentation masks) of one image.

    A blurred contour is thinned to its steepest pair, so that it is found in one place at most.

    Args:
        predicted_m: (H, W) depth in metres or any positive multiple, positive everywhere (1 / disparity will do).
        foreground: (H, W) bool, the object, nearer than what surrounds it (alpha > 0.1 in the paper's code).

    Returns:
        Recall in [0, 1], the weighted mean over ``RATIOS``; NaN where the mask has no outline.

    >>> foreground = torch.zeros(6, 6, dtype=torch.bool)
    >>> foreground[2:4, 2:4] = True
    >>> boundary_recall(predicted_m=torch.where(foreground, 1.0, 2.0), foreground=foreground)
    1.0
    """
    everywhere = torch.ones_like(foreground)
    # A foreground of 2 before a background of 1 has ratio 2 where, and in the direction in which, the object begins.
    outline = [ratio > 1 for ratio in _ratios(1.0 + foreground.double(), everywhere)]
    if not any(bool(edge.any()) for edge in outline):
        return math.nan
    nearness = _ratios(predicted_m.double().reciprocal(), everywhere)
    recalls = []
    for threshold in RATIOS:
        thinned = [
            _crests(ratio, threshold) if side < 2 else _crests(ratio.T, threshold).T for side, ratio in enumerate(nearness)
        ]
        recalls.append(sum(_share(ours, edge, edge) for ours, edge in zip(thinned, outline, strict=True)) / 4)
    return _weighted(recalls)


def _ratios(values: Tensor, valid: Tensor) -> _Directions:
    """Right over left and left over right (H, W-1), below over above and above over below (H-1, W), float64."""
    values = torch.where(valid, values.double(), 1.0)
    right, down = values[:, 1:] / values[:, :-1], values[1:] / values[:-1]
    return right, right.reciprocal(), down, down.reciprocal()


def _both_valid(valid: Tensor) -> _Directions:
    across, along = valid[:, 1:] & valid[:, :-1], valid[1:] & valid[:-1]
    return across, across, along, along


def _f1(ours: list[Tensor], truth: list[Tensor], threshold: float) -> float:
    edges = [(mine > threshold, true > threshold) for mine, true in zip(ours, truth, strict=True)]
    recall = sum(_share(mine, true, true) for mine, true in edges) / 4
    precision = sum(_share(mine, true, mine) for mine, true in edges) / 4
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def _share(one: Tensor, other: Tensor, whole: Tensor) -> float:
    return float((one & other).sum()) / max(float(whole.sum()), 1.0)


def _weighted(scores: list[float]) -> float:
    """Weights proportional to the ratio, so that the stronger contour counts more."""
    return math.fsum(ratio * score for ratio, score in zip(RATIOS, scores, strict=True)) / math.fsum(RATIOS)


def _crests(ratio_HW: Tensor, threshold: float) -> Tensor:
    """Of each unbroken run along a row above the threshold the first of its largest: (H, W) -> (H, W) bool."""
    above = ratio_HW > threshold
    begins = above.clone()
    begins[:, 1:] &= ~above[:, :-1]
    run = (begins.flatten().long().cumsum(0) - 1)[above.flatten()]
    values, place = ratio_HW[above], above.flatten().nonzero().flatten()
    runs = int(begins.sum())
    largest = values.new_zeros(runs).scatter_reduce(0, run, values, "amax")
    at_top = values == largest[run]
    first = place.new_full((runs,), ratio_HW.numel()).scatter_reduce(0, run[at_top], place[at_top], "amin")
    crest = torch.zeros(ratio_HW.numel(), dtype=torch.bool)
    crest[first] = True
    return crest.view_as(ratio_HW)
