# SPDX-License-Identifier: Apache-2.0
"""Depth Pro's boundary F1 and recall: hand pictures, an independent count in numpy, scale, inversion, blur, masks, NaN."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from leadline.evaluation.contours import RATIOS, boundary_f1, boundary_recall


def box(near_m: float = 1.0, far_m: float = 2.0, *, left: int = 8, size: int = 24) -> torch.Tensor:
    depth_m = torch.full((size, size), far_m)
    depth_m[8:16, left : left + 8] = near_m
    return depth_m


def f1(predicted: torch.Tensor, target: torch.Tensor) -> float:
    return boundary_f1(predicted=predicted, target=target, valid=torch.ones_like(target, dtype=torch.bool))


def counted(predicted: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """The same pixel by pixel, as the paper's text has it."""
    total = 0.0
    for threshold in np.linspace(1.05, 1.25, 10):
        precision = recall = 0.0
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            hits = ours = truth = 0
            for row in range(target.shape[0]):
                for column in range(target.shape[1]):
                    there = row + down, column + right
                    if 0 <= there[0] < target.shape[0] and 0 <= there[1] < target.shape[1]:
                        mine = predicted[there] / predicted[row, column] > threshold
                        true = target[there] / target[row, column] > threshold
                        hits, ours, truth = hits + (mine and true), ours + mine, truth + true
            precision, recall = precision + hits / max(ours, 1) / 4, recall + hits / max(truth, 1) / 4
        if precision + recall > 0:
            total += threshold * 2 * precision * recall / (precision + recall)
    return float(total / np.linspace(1.05, 1.25, 10).sum())


def test_f1__thresholds_are_the_papers() -> None:
    assert pytest.approx(np.linspace(1.05, 1.25, 10)) == RATIOS


@pytest.mark.parametrize("seed", range(3))
def test_f1__equals_an_independent_count(seed: int) -> None:
    generator = np.random.default_rng(seed)
    target = generator.uniform(1.0, 2.0, (7, 9)).repeat(2, axis=0)
    predicted = target * generator.uniform(0.9, 1.1, target.shape)
    expected = counted(predicted, target)
    assert 0.2 < expected < 0.99
    assert f1(torch.from_numpy(predicted), torch.from_numpy(target)) == pytest.approx(expected, abs=1e-12)


def test_f1__a_perfect_map_has_1_and_a_flat_or_shifted_one_0() -> None:
    assert f1(box(), box()) == pytest.approx(1.0)
    assert f1(torch.ones(24, 24), box()) == 0.0
    # moved by one: the upright edges miss, 7 of 8 pixels of the level ones hit
    assert f1(box(left=9), box()) == pytest.approx(0.5 * 7 / 8)


def test_f1__an_edge_counts_at_the_ratios_it_exceeds() -> None:
    faint = box(1.0, 1.15)
    assert f1(box(), faint) == pytest.approx(sum(r for r in RATIOS if r < 1.15) / sum(RATIOS))


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_f1__scale_does_not_matter_and_disparity_gives_the_same_as_depth(scale: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    target, predicted = (1 + torch.rand(9, 9, generator=generator, dtype=torch.float64) for _ in range(2))
    plain = f1(predicted, target)
    assert f1(scale * predicted, target) == pytest.approx(plain, abs=1e-9)
    assert f1(1 / predicted, 1 / target) == pytest.approx(plain, abs=1e-9)


def test_f1__a_shift_of_disparity_does_matter() -> None:
    assert f1(1 / (1 / box() + 9.0), box()) < 0.5


def test_f1__blur_costs() -> None:
    blurred = torch.nn.functional.avg_pool2d(box()[None, None], 5, stride=1, padding=2, count_include_pad=False)[0, 0]
    assert f1(blurred, box()) < 0.8


def test_f1__pairs_with_an_invalid_pixel_do_not_count() -> None:
    target, predicted = box(), box()
    valid = torch.ones(24, 24, dtype=torch.bool)
    valid[:, 12:] = False
    spoiled = predicted.clone()
    spoiled[:, 12:] = torch.nan
    target[:, 12:] = -1.0
    left_half = boundary_f1(predicted=spoiled, target=target, valid=valid)
    assert left_half == pytest.approx(0.75)  # three of the four directions are left
    assert math.isnan(boundary_f1(predicted=spoiled, target=target, valid=torch.zeros_like(valid)))


def test_f1__without_true_contours_there_is_nothing_to_measure() -> None:
    assert math.isnan(f1(box(), torch.ones(24, 24)))


def mask(left: int = 8) -> torch.Tensor:
    return box(left=left) < 1.5


def test_recall__finds_an_object_in_front_and_not_one_behind() -> None:
    assert boundary_recall(predicted_m=box(), foreground=mask()) == pytest.approx(1.0)
    assert boundary_recall(predicted_m=3 * box(), foreground=mask()) == pytest.approx(1.0)
    assert boundary_recall(predicted_m=box(2.0, 1.0), foreground=mask()) == 0.0
    assert boundary_recall(predicted_m=torch.ones(24, 24), foreground=mask()) == 0.0
    assert math.isnan(boundary_recall(predicted_m=box(), foreground=mask() & ~mask()))


def test_recall__a_ramp_is_thinned_to_its_steepest_pair() -> None:
    # upright edges as ramps over four pairs: the steepest, 1.4, lies one pixel outside the object
    depth_m = torch.tensor([3.0, 2.8, 2.0, 1.7, 1.5, 1.5, 1.7, 2.0, 2.8, 3.0]).expand(6, 10)
    object_at_steepest, object_inside = (torch.zeros(6, 10, dtype=torch.bool) for _ in range(2))
    object_at_steepest[:, 2:8] = True
    object_inside[:, 3:7] = True
    assert boundary_recall(predicted_m=depth_m, foreground=object_at_steepest) == pytest.approx(0.5)  # no level edges
    assert boundary_recall(predicted_m=depth_m, foreground=object_inside) == 0.0


def test_recall__of_equal_pairs_in_a_row_the_first_stands() -> None:
    depth_m = 2.0 ** torch.tensor([3.0, 2.0, 1.0]).expand(4, 3)
    foreground = torch.zeros(4, 3, dtype=torch.bool)
    foreground[:, 1:] = True
    assert boundary_recall(predicted_m=depth_m, foreground=foreground) == pytest.approx(0.25)
    foreground[:, 1] = False
    assert boundary_recall(predicted_m=depth_m, foreground=foreground) == 0.0
