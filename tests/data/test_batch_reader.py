# SPDX-License-Identifier: Apache-2.0
"""Batch reader: what a worker hands over."""

from __future__ import annotations

import pickle

from leadline.contracts.errors import DataError
from leadline.data.batch_reader import BatchReader, InOrder
from leadline.data.procedural.scenes import ProceduralScenes
from tests.data.memory_dataset import MemoryDataset


def test_reader__hands_over_a_refusal_instead_of_raising() -> None:
    reader = BatchReader(InOrder(MemoryDataset(3, broken=frozenset({1}))), None, seed=0, on_unreadable="stop")
    parcel = reader[[(0, 0), (0, 1)]]
    assert parcel.batch is None
    assert parcel.refusal == (DataError, "a picture", "memory/0001.png, truncated", "restore it")


def test_reader__hands_over_batch_and_skipped_names() -> None:
    reader = BatchReader(InOrder(MemoryDataset(3, broken=frozenset({1}))), None, seed=0, on_unreadable="skip")
    parcel = reader[[(0, 0), (0, 1), (0, 2)]]
    assert parcel.batch is not None
    assert parcel.batch.keys == ("0000", "0002")
    assert [entry.name for entry in parcel.skipped] == ["memory/0001"]
    assert reader[[(0, 1)]].batch is None


def test_reader__can_be_sent_to_a_spawned_process() -> None:
    reader = BatchReader(InOrder(ProceduralScenes(2, height=8, width=8)), None, seed=0, on_unreadable="stop")
    copied = pickle.loads(pickle.dumps(reader))
    assert copied[[(0, 1)]].batch.keys == reader[[(0, 1)]].batch.keys  # type: ignore[union-attr]
