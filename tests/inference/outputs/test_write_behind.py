# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest

from leadline.contracts.errors import StorageError
from leadline.inference.outputs.write_behind import WriteBehind


def named(name: str, order: list[str] | None = None) -> list[Path]:
    if order is not None:
        order.append(name)
    return [Path(name)]


def fail() -> list[Path]:
    raise StorageError(expected="room", got="none", remedy="make some")


def test_write_behind__writes_all_in_order_by_the_end() -> None:
    files: list[Path] = []
    with WriteBehind(files) as writer:
        for index in range(5):
            writer.submit(partial(named, str(index)))
    assert files == [Path(str(index)) for index in range(5)]


def test_write_behind__lets_the_work_go_on_and_holds_few() -> None:
    gate, files, begun = threading.Event(), list[Path](), list[str]()

    def slow() -> list[Path]:
        gate.wait(10)
        return named("slow", begun)

    with WriteBehind(files) as writer:
        writer.submit(slow)
        writer.submit(partial(named, "next", begun))
        assert not begun  # both wait behind us
        gate.set()
        writer.submit(partial(named, "last", begun))
        assert begun[0] == "slow"  # a third had to wait for the first
    assert files == [Path("slow"), Path("next"), Path("last")]


def test_write_behind__a_write_that_failed_is_raised() -> None:
    files: list[Path] = []
    with pytest.raises(StorageError, match="room"), WriteBehind(files) as writer:
        writer.submit(fail)
    assert files == []


def test_write_behind__finish_waits() -> None:
    files: list[Path] = []
    with WriteBehind(files) as writer:
        writer.submit(partial(named, "a"))
        writer.finish()
        assert files == [Path("a")]


def test_write_behind__keeps_the_error_of_the_work_and_writes_what_was_pending() -> None:
    files: list[Path] = []
    order: list[str] = []

    def work() -> None:
        with WriteBehind(files) as writer:
            writer.submit(partial(named, "a", order))
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        work()
    assert order == ["a"]
