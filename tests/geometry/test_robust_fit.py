# SPDX-License-Identifier: Apache-2.0
"""Linear fits that a few wrong rows cannot spoil."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.geometry.robust_fit import Loss, coefficient_covariance, fit_robust, median_line


def line(count: int, seed: int, *, noise: float = 0.0) -> tuple[Tensor, Tensor]:
    """Rows (x, 1) and 3 x - 0.5 with normal noise."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, generator=generator, dtype=torch.float64)
    target = 3.0 * x - 0.5 + noise * torch.randn(count, generator=generator, dtype=torch.float64)
    return torch.stack([x, torch.ones_like(x)], 1), target


@pytest.mark.parametrize("loss", ["huber", "tukey"])
def test_fit_robust__is_exact_where_the_rows_are(loss: Loss) -> None:
    design, target = line(20, 0)
    fit = fit_robust(design_NP=design, target_N=target, loss=loss)
    torch.testing.assert_close(fit.coefficients, torch.tensor([3.0, -0.5], dtype=torch.float64), atol=1e-8, rtol=0)
    assert fit.spread < 1e-8
    assert fit.residuals.abs().max() < 1e-8


@pytest.mark.parametrize(("loss", "within"), [("huber", 0.08), ("tukey", 0.02)])
def test_fit_robust__a_third_of_wrong_rows_does_not_spoil_it(loss: Loss, within: float) -> None:
    design, target = line(300, 1, noise=0.01)
    target[::3] += 5.0
    fit = fit_robust(design_NP=design, target_N=target, loss=loss)
    assert (fit.coefficients - torch.tensor([3.0, -0.5])).abs().max() < within
    plain = torch.linalg.lstsq(design, target[:, None]).solution[:, 0]
    assert (plain - torch.tensor([3.0, -0.5])).abs().max() > 1.0


def test_fit_robust__tukey_disbelieves_wrong_rows_altogether_and_huber_in_part() -> None:
    design, target = line(60, 2, noise=0.01)
    target[5] += 9.0
    assert fit_robust(design_NP=design, target_N=target, loss="tukey").weights[5] == 0.0
    assert 0.0 < fit_robust(design_NP=design, target_N=target, loss="huber").weights[5] < 0.01


def test_fit_robust__spread_is_the_standard_deviation_of_normal_residuals() -> None:
    design, target = line(4000, 3, noise=0.02)
    assert fit_robust(design_NP=design, target_N=target).spread == pytest.approx(0.02, rel=0.05)


def test_fit_robust__does_not_mind_columns_of_very_different_size() -> None:
    design, target = line(50, 4)
    fit = fit_robust(design_NP=design * torch.tensor([1e6, 1.0]), target_N=target)
    torch.testing.assert_close(fit.coefficients, torch.tensor([3e-6, -0.5], dtype=torch.float64), atol=0, rtol=1e-6)


def test_fit_robust__a_constant_column_twice_gives_the_smallest_answer() -> None:
    fit = fit_robust(design_NP=torch.ones(5, 2), target_N=torch.full((5,), 4.0))
    torch.testing.assert_close(fit.coefficients, torch.tensor([2.0, 2.0], dtype=torch.float64))


def test_coefficient_covariance__says_how_far_fits_of_other_samples_lie() -> None:
    fits, said = [], []
    for seed in range(200):
        design, target = line(40, seed, noise=0.1)
        fit = fit_robust(design_NP=design, target_N=target)
        covariance = coefficient_covariance(fit, design, torch.arange(40))
        assert covariance is not None
        fits.append(fit.coefficients)
        said.append(covariance.diagonal())
    told, seen = torch.stack(said).mean(0).sqrt(), torch.stack(fits).std(0)
    torch.testing.assert_close(told, seen, rtol=0.15, atol=0)


def test_coefficient_covariance__rows_that_err_together_count_as_one() -> None:
    """Ten rows of a group share their error: the truth is spread over groups, not rows."""
    fits: list[Tensor] = []
    by_row: list[Tensor] = []
    by_group: list[Tensor] = []
    for seed in range(100):
        design, target = line(300, seed)
        group = torch.arange(300) // 10
        shared = 0.1 * torch.randn(30, generator=torch.Generator().manual_seed(1000 + seed), dtype=torch.float64)
        fit = fit_robust(design_NP=design[:, 1:], target_N=target - 3.0 * design[:, 0] + shared[group])
        fits.append(fit.coefficients)
        for groups, told in ((torch.arange(300), by_row), (group, by_group)):
            covariance = coefficient_covariance(fit, design[:, 1:], groups)
            assert covariance is not None
            told.append(covariance.diagonal())
    seen = float(torch.stack(fits).std())
    assert float(torch.stack(by_group).mean().sqrt()) == pytest.approx(seen, rel=0.25)
    assert float(torch.stack(by_row).mean().sqrt()) < 0.5 * seen


def test_coefficient_covariance__is_unknown_where_nothing_is_left_over() -> None:
    design, target = line(2, 5)
    fit = fit_robust(design_NP=design, target_N=target)
    assert fit.spread == 0.0
    assert coefficient_covariance(fit, design, torch.arange(2)) is None
    design, target = line(20, 5, noise=0.1)
    fit = fit_robust(design_NP=design, target_N=target)
    assert coefficient_covariance(fit, design, torch.arange(20) // 10) is None


def test_median_line__is_not_drawn_to_a_far_cluster() -> None:
    """A fifth of the rows lies far out in x and a little off the line: least absolute residuals would go through them."""
    x = torch.cat([torch.linspace(0.0, 1.0, 80), torch.full((20,), 3.0)])[torch.randperm(100)]
    y = 2.0 * x + 1.0 + 0.1 * (x > 2)
    assert median_line(x_N=x, y_N=y) == pytest.approx((2.0, 1.0), abs=1e-5)
    fit = fit_robust(design_NP=torch.stack([x, torch.ones(100)], 1), target_N=y)
    assert abs(float(fit.coefficients[0]) - 2.0) > 1e-3


def test_median_line__of_a_constant_has_no_slope() -> None:
    assert median_line(x_N=torch.ones(5), y_N=torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])) == (0.0, 3.0)
    assert median_line(x_N=torch.tensor([1.0, 2.0]), y_N=torch.tensor([1.0, 3.0])) == (2.0, -1.0)
