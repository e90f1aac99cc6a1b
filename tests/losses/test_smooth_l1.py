# SPDX-License-Identifier: Apache-2.0
"""Smooth L1 of values and of their steps: by hand, masked, and what its weight does; the six are elsewhere."""

from __future__ import annotations

import pytest
import torch

from leadline.losses.smooth_l1 import smooth_l1

TRUTH = torch.zeros(1, 2, 3)
EVERYWHERE = TRUTH == 0


@pytest.mark.parametrize(("error", "cost"), [(0.5, 0.125), (-0.5, 0.125), (1.0, 0.5), (3.0, 2.5)])
def test_smooth_l1__of_a_shift_is_quadratic_up_to_1_and_linear_beyond(error: float, cost: float) -> None:
    assert smooth_l1(predicted=TRUTH + error, target=TRUTH, valid=EVERYWHERE).item() == pytest.approx(cost)


def test_smooth_l1__adds_the_steps_to_the_right_and_down() -> None:
    guess = torch.tensor([[[0.0, 0.2, 0.4], [0.1, 0.3, 0.5]]])
    values = 0.5 * (0.04 + 0.16 + 0.01 + 0.09 + 0.25) / 6
    steps = 0.5 * 0.04 + 0.5 * 0.01
    for weight in (0.0, 0.5, 2.0):
        cost = smooth_l1(predicted=guess, target=TRUTH, valid=EVERYWHERE, steps_weight=weight).item()
        assert cost == pytest.approx(values + weight * steps)


def test_smooth_l1__counts_no_step_to_or_from_an_invalid_pixel() -> None:
    guess = torch.tensor([[[0.0, 9.0, 0.4], [0.0, float("nan"), 0.4]]])
    valid = torch.tensor([[[True, False, True], [True, False, True]]])
    cost = smooth_l1(predicted=guess, target=TRUTH, valid=valid).item()
    assert cost == pytest.approx(0.5 * 0.16 / 2)


def test_smooth_l1__weighs_every_picture_alike() -> None:
    truth, valid = torch.zeros(2, 2, 3), torch.ones(2, 2, 3, dtype=torch.bool)
    valid[1, :, 1:] = False
    guess = torch.stack([truth[0], truth[1] + 1])
    assert smooth_l1(predicted=guess, target=truth, valid=valid).item() == pytest.approx(0.25)
