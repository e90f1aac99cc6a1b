# SPDX-License-Identifier: Apache-2.0
"""Round distances and their multiples, at ends that rounding errors miss and over many powers of ten."""

from __future__ import annotations

import pytest

from leadline.rasters.ticks import round_step, round_ticks

FACTORS = (1, 2, 5)


@pytest.mark.parametrize("power", [1e-15, 1e-3, 1.0, 1e6])
def test_round_step__is_the_next_factor_times_a_power_of_ten(power: float) -> None:
    found = [round_step(value * power, factors=FACTORS) / power for value in (1.01, 1.9, 2.1, 4.9, 5.1, 9.9)]
    assert found == pytest.approx([2, 2, 5, 5, 10, 10])


def test_round_step__takes_a_round_number_for_itself_in_spite_of_rounding() -> None:
    assert round_step(0.1 + 0.2 - 0.1, factors=FACTORS) == pytest.approx(0.2)
    assert round_step(2.0000000001, factors=FACTORS) == 2.0
    assert round_step(2.0001, factors=(1, 2, 2.5, 5)) == 2.5


def test_round_ticks__include_both_ends_and_nothing_beyond() -> None:
    assert round_ticks(0.1, 0.3, step=0.1) == [0.1, 0.2, 0.3]
    assert round_ticks(0.11, 0.29, step=0.1) == [0.2]
    assert round_ticks(-5.0, 5.0, step=5.0) == [-5.0, 0.0, 5.0]
    assert round_ticks(0.3, 0.4, step=1.0) == []


def test_round_ticks__keep_their_digits_where_steps_are_tiny() -> None:
    assert round_ticks(1000.0, 1000.4, step=0.2) == [1000.0, 1000.2, 1000.4]
    assert round_ticks(0.0, 4e-15, step=2e-15) == [0.0, 2e-15, 4e-15]
