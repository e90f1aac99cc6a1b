# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time

import pytest

from leadline.benchmarks.measurement import Comparison, Spread, compare, seconds_per_call


def test_spread__orders_its_five_numbers() -> None:
    spread = Spread.of([5.0, 1.0, 4.0, 2.0, 3.0])
    assert (spread.least, spread.lower_quartile, spread.median, spread.upper_quartile, spread.greatest) == (1, 2, 3, 4, 5)


def test_spread__of_one_value_is_that_value() -> None:
    assert Spread.of([2.0]) == Spread(median=2.0, lower_quartile=2.0, upper_quartile=2.0, least=2.0, greatest=2.0)


def test_comparison__divides_the_mean_of_the_peers_neighbours_by_ours() -> None:
    comparison = Comparison(ours_s=(1.0, 2.0), peer_s=(2.0, 4.0, 8.0, 8.0))
    assert comparison.ratio.least == 3.0  # (2 + 4) / 2 / 1
    assert comparison.ratio.greatest == 4.0  # 8 / 2
    assert comparison.noise.greatest == 1.0  # 4 against 2
    assert comparison.noise.least == 0.0


def test_comparison__claims_nothing_within_twice_the_noise() -> None:
    assert not Comparison(ours_s=(1.0,), peer_s=(1.0, 1.1)).is_beyond_noise
    assert Comparison(ours_s=(1.0,), peer_s=(3.0, 3.0)).is_beyond_noise


def test_compare__takes_turns_after_one_call_each() -> None:
    calls: list[str] = []
    comparison = compare(ours=lambda: calls.append("o"), peer=lambda: calls.append("p"), rounds=2, least_s=0.0)
    assert "".join(calls) == "po" + "pop" * 2
    assert (len(comparison.ours_s), len(comparison.peer_s)) == (2, 4)


def test_compare__sees_which_of_two_is_slower() -> None:
    comparison = compare(ours=lambda: time.sleep(0.002), peer=lambda: time.sleep(0.02), rounds=3, least_s=0.0)
    assert 4.0 < comparison.ratio.median < 11.0


def test_seconds_per_call__repeats_until_the_time_is_filled() -> None:
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        time.sleep(0.001)

    assert seconds_per_call(work, least_s=0.02) == pytest.approx(0.001, rel=2.0)
    assert len(calls) > 3
