# SPDX-License-Identifier: Apache-2.0
"""Unreadable samples: substitution in the dataset's order, names, bounds."""

from __future__ import annotations

import pytest

from leadline.contracts.errors import ContractError, DataError
from leadline.contracts.sample import Sample
from leadline.data.unreadable import MOST_IN_A_ROW, UnreadableSample, read_item, read_or_next
from tests.data.memory_dataset import MemoryDataset


def unchanged(sample: Sample) -> Sample:
    return sample


def test_read_or_next__goes_on_round_the_end_of_the_dataset() -> None:
    sample, skipped = read_or_next(MemoryDataset(5, broken=frozenset({3, 4, 0})), 3, unchanged)
    assert sample.key == "0001"
    assert [entry.name for entry in skipped] == ["memory/0003", "memory/0004", "memory/0000"]
    assert "truncated" in skipped[0].reason


def test_read_or_next__gives_up_after_a_bounded_number() -> None:
    dataset = MemoryDataset(1000, broken=frozenset(range(1000)))
    with pytest.raises(DataError, match=f"got {MOST_IN_A_ROW} unreadable in a row"):
        read_or_next(dataset, 0, unchanged)
    assert len(dataset.reads) == MOST_IN_A_ROW


def test_read_item__counts_a_transforms_data_error_but_no_other() -> None:
    def fail(kind: type[DataError | ContractError]) -> Sample:
        raise kind(expected="a", got="b", remedy="c")

    assert isinstance(read_item(MemoryDataset(2), 0, lambda _: fail(DataError)), UnreadableSample)
    with pytest.raises(ContractError):
        read_item(MemoryDataset(2), 0, lambda _: fail(ContractError))
