# SPDX-License-Identifier: Apache-2.0
"""Boundary errors: hand pictures with edges in place, shifted, spurious, absent."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.evaluation.boundary import REACH_PX, boundary_error
from leadline.evaluation.edges import canny


def step_at(column: int) -> torch.Tensor:
    depth_m = torch.full((60, 100), 2.0)
    depth_m[:, column] = 3.0  # makes the steepest column unique
    depth_m[:, column + 1 :] = 6.0
    return depth_m


def found(depth_m: torch.Tensor) -> torch.Tensor:
    return canny((depth_m - depth_m.min()) / (depth_m.max() - depth_m.min()), sigma_px=math.sqrt(2), low=0.15, high=0.3)


def test_boundary__own_edges_have_no_error() -> None:
    error = boundary_error(step_at(50), found(step_at(50)))
    assert (error.accuracy_px, error.completeness_px) == (0.0, 0.0)


@pytest.mark.parametrize("shift", [1, 3, 9])
def test_boundary__a_shifted_edge_costs_its_shift(shift: int) -> None:
    error = boundary_error(step_at(50 + shift), found(step_at(50)))
    assert error.accuracy_px == pytest.approx(shift)
    assert error.completeness_px == pytest.approx(shift)


@pytest.mark.parametrize("predicted", [step_at(50 + REACH_PX), torch.full((60, 100), 3.0)])
def test_boundary__edges_out_of_reach_or_absent_cost_the_limit(predicted: torch.Tensor) -> None:
    error = boundary_error(predicted, found(step_at(50)))
    assert (error.accuracy_px, error.completeness_px) == (REACH_PX, REACH_PX)


def test_boundary__spurious_far_edges_cost_completeness_only() -> None:
    predicted = step_at(50)
    predicted[:, 80:] = 12.0
    error = boundary_error(predicted, found(step_at(50)))
    assert error.accuracy_px == 0.0
    assert error.completeness_px == pytest.approx(REACH_PX / 3, rel=0.05)


def test_boundary__without_true_edges_there_is_nothing_to_measure() -> None:
    error = boundary_error(step_at(50), torch.zeros(60, 100, dtype=torch.bool))
    assert math.isnan(error.accuracy_px)
    assert math.isnan(error.completeness_px)


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_boundary__scale_and_shift_of_depth_do_not_matter(scale: float, shift: float) -> None:
    truth = found(step_at(50))
    assert boundary_error(scale * step_at(53).double() + shift, truth).accuracy_px == pytest.approx(3.0)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 100.0), (1.0, -3.0), (0.25, 0.5), (40.0, -700.0)])
def test_boundary__an_affine_change_keeps_faint_edges_too(scale: float, shift: float) -> None:
    faint = step_at(53).double()
    faint[:, 80:] = 24.0  # the edge at 53 is now 4 of 22 metres high, a quarter above the upper threshold
    truth = found(step_at(50))
    plain = boundary_error(faint, truth)
    assert plain.accuracy_px == pytest.approx(3.0)
    assert boundary_error(scale * faint + shift, truth) == plain
