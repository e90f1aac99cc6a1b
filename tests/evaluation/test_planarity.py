# SPDX-License-Identifier: Apache-2.0
"""Planes and near/far: synthetic planes of known normal and bend, hand percentages."""

import math

import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.evaluation.planarity import directed_error, plane_error
from leadline.geometry.camera import camera_rays

MATRIX = torch.tensor([[100.0, 0, 60.0], [0, 110.0, 45.0], [0, 0, 1]], dtype=torch.float64)
ALL = torch.ones(90, 120, dtype=torch.bool)


def plane_depth_m(normal: torch.Tensor, distance_m: float) -> torch.Tensor:
    """z with ``normal . (z ray) = distance``."""
    along = (camera_rays(MATRIX, 90, 120) * normal.reshape(3, 1, 1)).sum(dim=0)
    return torch.div(torch.full_like(along, distance_m), along)


def unit(x: float, y: float, z: float) -> torch.Tensor:
    vector = torch.tensor([x, y, z], dtype=torch.float64)
    return torch.nn.functional.normalize(vector, dim=0)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_plane__true_up_to_scale_has_no_error(sign: int, scale: float) -> None:
    normal = unit(0.3, -0.2, 1.0)
    depth_m = plane_depth_m(normal, 3.0)
    error = plane_error(predicted_m=scale * depth_m, target_m=depth_m, on_plane=ALL, normal=sign * normal, matrix=MATRIX)
    assert error is not None
    assert error.flatness_cm == pytest.approx(0.0, abs=1e-6)
    assert error.orientation_deg == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("degrees", [5.0, 30.0])
def test_plane__turned_by_an_angle_reports_it(degrees: float) -> None:
    angle = math.radians(degrees)
    turned, true = unit(math.sin(angle), 0, math.cos(angle)), unit(0, 0, 1)
    error = plane_error(
        predicted_m=plane_depth_m(turned, 3.0), target_m=plane_depth_m(true, 3.0), on_plane=ALL, normal=true, matrix=MATRIX
    )
    assert error is not None
    assert error.orientation_deg == pytest.approx(degrees, abs=1e-4)
    assert error.flatness_cm == pytest.approx(0.0, abs=1e-6)


def test_plane__ripples_report_their_standard_deviation() -> None:
    truth_m = torch.full((90, 120), 2.0, dtype=torch.float64)
    checks = (torch.arange(90)[:, None] + torch.arange(120)) % 2 * 2.0 - 1.0
    error = plane_error(
        predicted_m=0.4 * (truth_m + 0.05 * checks), target_m=truth_m, on_plane=ALL, normal=unit(0, 0, 1), matrix=MATRIX
    )
    assert error is not None
    assert error.flatness_cm == pytest.approx(5.0, rel=1e-3)


def test_plane__poison_beside_it_is_harmless_and_small_ones_are_left_out() -> None:
    normal = unit(0, -1, 0.2)
    truth_m = plane_depth_m(normal, 1.0)
    for rows, counted in ((5, True), (4, False)):  # 5 of 90 rows are 5.6 % of the image, 4 are 4.4 %
        on_plane = torch.zeros_like(ALL)
        on_plane[:rows] = True
        predicted = torch.where(on_plane, truth_m, torch.nan)
        error = plane_error(predicted_m=predicted, target_m=predicted, on_plane=on_plane, normal=normal, matrix=MATRIX)
        assert (error is not None) == counted
        if error is not None:
            assert error.flatness_cm == pytest.approx(0.0, abs=1e-6)


def test_directed__counts_each_side_of_three_metres() -> None:
    truth_m = torch.tensor([1.0, 3.0, 4.0, 5.0, 2.0, 1.0, 2.0, 9.0, torch.nan])
    predicted_m = torch.tensor([2.0, 3.1, 2.9, 9.0, 1.0, 3.0, 7.0, 8.0, 1.0])
    valid = ~truth_m.isnan()
    error = directed_error(predicted_m=predicted_m, target_m=truth_m, valid=valid)
    assert (error.correct, error.too_close, error.too_far) == (62.5, 12.5, 25.0)


def test_directed__needs_a_valid_pixel() -> None:
    with pytest.raises(ContractError, match="at least one valid pixel"):
        directed_error(predicted_m=torch.ones(2), target_m=torch.ones(2), valid=torch.zeros(2, dtype=torch.bool))
