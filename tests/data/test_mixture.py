# SPDX-License-Identifier: Apache-2.0
"""Mixture: composition, spread, no repetition, purity, refusals."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.mixture import Mixture, composition
from tests.data.memory_dataset import MemoryDataset


def mixture(sizes: list[int], weights: list[float], length: int | None = None, seed: int = 0) -> Mixture:
    return Mixture([MemoryDataset(size, name=f"d{i}") for i, size in enumerate(sizes)], weights, seed, length)


def drawn(source: Mixture, epoch: int) -> list[tuple[int, int]]:
    return [source.draw(epoch, position) for position in range(len(source))]


def test_composition__gives_the_rest_to_the_largest_remainders() -> None:
    assert composition([1, 1, 1], 10) == [4, 3, 3]
    assert composition([0.7, 0.2, 0.1], 7) == [5, 1, 1]
    assert composition([3, 0, 1], 8) == [6, 0, 2]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6), st.integers(0, 500))
def test_composition__adds_up_and_is_within_one_of_the_exact_share(weights: list[float], length: int) -> None:
    if sum(weights) < 1e-3:
        return
    counts = composition(weights, length)
    assert sum(counts) == length
    assert all(abs(count - length * w / sum(weights)) < 1 for count, w in zip(counts, weights, strict=True))


@pytest.mark.parametrize("weights", [[1, 1], [5, 2], [1, 2, 4], [0.6, 0.3, 0.1, 0]])
def test_mixture__keeps_every_prefix_close_to_the_composition(weights: list[float]) -> None:
    source = mixture([50] * len(weights), weights, 200)
    seen: Counter[int] = Counter()
    for position, (chosen, _) in enumerate(drawn(source, 0), start=1):
        seen[chosen] += 1
        for index, weight in enumerate(weights):
            assert abs(seen[index] - position * weight / sum(weights)) <= 1.0
    assert [seen[i] for i in range(len(weights))] == composition(weights, 200)


def test_mixture__repeats_no_item_before_all_others_came_across_epochs() -> None:
    source = mixture([7, 30], [1, 1], 10)
    items = [item for epoch in range(7) for chosen, item in drawn(source, epoch) if chosen == 0]
    assert len(items) == 35
    for start in range(0, 35, 7):
        assert sorted(items[start : start + 7]) == list(range(7))
    assert items[:7] != items[7:14]


def test_mixture__is_a_pure_function_of_seed_epoch_and_position() -> None:
    first, second = mixture([7, 30], [1, 2]), mixture([7, 30], [1, 2])
    forward = {(epoch, position): first.draw(epoch, position) for epoch in range(5) for position in range(len(first))}
    for place in reversed(forward):
        assert second.draw(*place) == forward[place]
    assert drawn(mixture([7, 30], [1, 2], seed=1), 0) != drawn(first, 0)


def test_mixture__of_one_dataset_is_a_permutation_per_epoch() -> None:
    source = mixture([12], [1])
    for epoch in range(3):
        assert sorted(item for _, item in drawn(source, epoch)) == list(range(12))
    assert drawn(source, 0) != drawn(source, 1)


def test_mixture__is_as_long_as_the_datasets_it_draws_from() -> None:
    assert len(mixture([7, 30], [1, 2])) == 37
    assert len(mixture([7, 30], [1, 0])) == 7
    assert len(mixture([7, 30], [1, 2], 90)) == 90


def test_mixture__provides_what_all_its_datasets_provide() -> None:
    class WithCamera(MemoryDataset):
        @property
        def provides(self) -> frozenset[Field]:
            return frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA})

    assert Mixture([MemoryDataset(3), WithCamera(3)], [1, 1], 0).provides == {Field.IMAGE, Field.DEPTH}
    assert Mixture([MemoryDataset(3), WithCamera(3)], [0, 1], 0).provides == {Field.IMAGE, Field.DEPTH, Field.CAMERA}


@pytest.mark.parametrize("weights", [[1], [1, 2, 3], [-1, 2], [0, 0], [float("nan"), 1], [float("inf"), 1], []])
def test_mixture__refuses_weights_that_mean_nothing(weights: list[float]) -> None:
    with pytest.raises(UsageError, match=r"one weight for each of 2 datasets \(d0, d1\)"):
        mixture([3, 4], weights)


def test_mixture__refuses_an_empty_dataset() -> None:
    with pytest.raises(DataError, match="dataset 'd1'; got none"):
        mixture([3, 0], [1, 1])


@pytest.mark.parametrize(
    ("weights", "length", "seed"), [([1e308, 1e308], 5, 0), ([1.0, 1.0], -4, 0), ([1.0, 1.0], 0, 0), ([1.0, 1.0], 4, -1)]
)
def test_mixture__refuses_numbers_that_cannot_be_meant(weights: list[float], length: int, seed: int) -> None:
    with pytest.raises(UsageError):
        mixture([3, 3], weights, length, seed)
