# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.errors import DataError, StorageError, WeightsError
from leadline.data.label_folder import ShardRecord
from leadline.labelling.board import Board, LabelProgress
from leadline.labelling.plan import Plan
from tests.labelling.toys import FACTS, request_for


class Shard:
    def __init__(self, index: int, count: int | None) -> None:
        self.name, self.index, self.count = f"s{index}", index, count

    def pictures(self) -> Any:
        raise AssertionError


def record(index: int, pictures: int = 10, **counts: int) -> ShardRecord:
    plain = ShardRecord(
        shard=f"s{index}", index=index, pictures=pictures, labels=pictures, dropped=0, unreadable=0, dead=0, all_sky=0,
        tar_sha256="", first=None, last=None,
    )  # fmt: skip
    return replace(plain, **counts)  # type: ignore[arg-type]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def board_of(
    tmp_path: Path, counts: list[int | None], done: int = 0, **changes: Any
) -> tuple[Board, Clock, list[LabelProgress]]:
    shards = [Shard(index, count) for index, count in enumerate(counts)]
    plan = Plan(shards=shards, done={index: record(index) for index in range(done)}, pending=shards[done:])
    clock, told = Clock(), list[LabelProgress]()
    return Board(request_for(tmp_path / "p", tmp_path / "out", **changes), plan, told.append, clock), clock, told


def test_board__tells_rate_and_remaining_time_of_this_run(tmp_path: Path) -> None:
    board, clock, told = board_of(tmp_path, [10, 10, 10], done=1)
    clock.now = 100.0
    board.opened(FACTS)
    assert told[-1].remaining_s is None
    clock.now = 102.0
    board.labelled(board.plan.shards[1], 4)
    assert (told[-1].shards_done, told[-1].shards, told[-1].pictures) == (1, 3, 4)
    assert (told[-1].per_second, told[-1].remaining_s or 0) == (2.0, 8.0)
    clock.now = 105.0
    board.done(record(1))
    assert (told[-1].shards_done, told[-1].pictures, told[-1].per_second, told[-1].remaining_s or 0) == (2, 10, 2.0, 5.0)


def test_board__guesses_the_size_of_uncounted_tars_from_finished_ones(tmp_path: Path) -> None:
    board, clock, told = board_of(tmp_path, [None, None, None])
    board.opened(FACTS)
    clock.now = 1.0
    board.labelled(board.plan.shards[0], 5)
    assert told[-1].remaining_s is None
    clock.now = 2.0
    board.done(record(0, pictures=20))
    assert told[-1].remaining_s == 4.0


def test_board__forgets_what_a_dead_worker_did(tmp_path: Path) -> None:
    board, clock, told = board_of(tmp_path, [10])
    board.opened(FACTS)
    board.labelled(board.plan.shards[0], 7)
    board.lost(board.plan.shards[0])
    clock.now = 1.0
    board.labelled(board.plan.shards[0], 1)
    assert told[-1].pictures == 1


def test_board__sums_up_earlier_runs_too(tmp_path: Path) -> None:
    board, _, _ = board_of(tmp_path, [10, 10], done=1)
    board.opened(FACTS)
    board.done(record(1, labels=6, dropped=1, unreadable=3, dead=2, all_sky=1))
    found = board.summary()
    assert (found.shards, found.already_done, found.pictures, found.labels) == (2, 1, 20, 16)
    assert (found.dropped, found.unreadable, found.dead, found.all_sky) == (1, 3, 2, 1)


def test_board__a_worker_with_another_model_is_refused(tmp_path: Path) -> None:
    board, _, _ = board_of(tmp_path, [10])
    board.opened(FACTS)
    with pytest.raises(WeightsError):
        board.opened(replace(FACTS, weights_sha256="cd" * 32))


def test_board__skips_a_broken_shard_and_names_it_in_the_end(tmp_path: Path) -> None:
    broken = DataError(expected="a tar", got="s0 cut off", remedy="download it again")
    board, _, _ = board_of(tmp_path, [10, 10])
    board.opened(FACTS)
    board.failed(board.plan.shards[0], broken)
    board.done(record(1))
    with pytest.raises(DataError, match=r"1 of 2 left unfinished, the first s0: .*s0 cut off.*same command"):
        board.summary()


def test_board__stops_at_a_broken_shard_or_a_full_disk(tmp_path: Path) -> None:
    board, _, _ = board_of(tmp_path, [10], on_unreadable="stop")
    with pytest.raises(DataError):
        board.failed(board.plan.shards[0], DataError(expected="a", got="b", remedy="c"))
    board, _, _ = board_of(tmp_path, [10])
    with pytest.raises(StorageError):
        board.failed(board.plan.shards[0], StorageError(expected="a", got="b", remedy="c"))
