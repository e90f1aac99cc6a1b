# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from leadline.benchmarks.settings import BenchmarkSettings
from leadline.contracts.errors import UsageError


def test_settings__have_defaults_that_can_be_measured() -> None:
    assert BenchmarkSettings().rounds >= 5


@pytest.mark.parametrize("sides", [(13,), (0,), (-14,), (252, 100)])
def test_settings__refuse_sides_that_are_no_multiples_of_the_patch(sides: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="multiples of 14"):
        BenchmarkSettings(sides_px=sides)


@pytest.mark.parametrize("rounds", [-1, 0, 1])
def test_settings__refuse_rounds_too_few_for_a_spread(rounds: int) -> None:
    with pytest.raises(UsageError, match=f"rounds of 2 or more.*got rounds {rounds},"):
        BenchmarkSettings(rounds=rounds)
    assert BenchmarkSettings(rounds=2).rounds == 2


def test_settings__refuse_negative_batches() -> None:
    with pytest.raises(UsageError, match="batch size -1"):
        BenchmarkSettings(batch_size=-1)
