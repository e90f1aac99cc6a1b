# SPDX-License-Identifier: Apache-2.0
"""metrics.jsonl, timings.jsonl and TensorBoard."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from leadline.contracts.errors import StorageError
from leadline.training.logs import NoLog, RunLog


def events(run: Path) -> Any:
    found = EventAccumulator(str(run))
    found.Reload()
    return found


def lines(path: Path) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_scalars__reach_json_and_tensorboard(tmp_path: Path) -> None:
    log = RunLog(tmp_path, keep_bytes=0, first_step=0)
    log.scalars(3, 1, {"Train/BatchLoss": 0.1 + 0.2, "Val/D1": 0.5})
    log.picture("Val/Sample_0", 3, np.full((4, 6, 3), 200, np.uint8))
    log.close()
    assert lines(tmp_path / "metrics.jsonl") == [{"step": 3, "epoch": 1, "Train/BatchLoss": 0.1 + 0.2, "Val/D1": 0.5}]
    found = events(tmp_path)
    assert [(e.step, e.value) for e in found.Scalars("Train/BatchLoss")] == [(3, pytest.approx(0.3))]
    assert (found.Images("Val/Sample_0")[0].height, found.Images("Val/Sample_0")[0].width) == (4, 6)


def test_values_that_are_not_finite__are_null_in_json(tmp_path: Path) -> None:
    log = RunLog(tmp_path, keep_bytes=0, first_step=0)
    log.scalars(0, 0, {"a": math.nan, "b": -math.inf})
    log.close()
    assert lines(tmp_path / "metrics.jsonl") == [{"step": 0, "epoch": 0, "a": None, "b": None}]


def test_timings__stay_apart_from_what_must_repeat(tmp_path: Path) -> None:
    log = RunLog(tmp_path, keep_bytes=0, first_step=0)
    log.timing(1, {"images_per_s": 2.5})
    log.close()
    assert lines(tmp_path / "timings.jsonl") == [{"step": 1, "images_per_s": 2.5}]
    assert (tmp_path / "metrics.jsonl").read_bytes() == b""


def test_resuming__cuts_what_came_after_the_checkpoint_and_torn_lines(tmp_path: Path) -> None:
    log = RunLog(tmp_path, keep_bytes=0, first_step=0)
    for step in range(2):
        log.scalars(step, 0, {"a": step})
        log.timing(step, {"t": step})
    secured = log.secured()
    log.scalars(2, 0, {"a": 99})
    log.close()
    for name in ("metrics.jsonl", "timings.jsonl"):
        with (tmp_path / name).open("a") as file:
            file.write('{"step": 3, "to')
    again = RunLog(tmp_path, keep_bytes=secured, first_step=2)
    again.scalars(2, 0, {"a": 2})
    again.timing(2, {"t": 2})
    again.close()
    assert [line["a"] for line in lines(tmp_path / "metrics.jsonl")] == [0, 1, 2]
    assert [line["t"] for line in lines(tmp_path / "timings.jsonl")] == [0, 1, 2]
    assert [e.value for e in events(tmp_path).Scalars("a")] == [0, 1, 2]


def test_secured__is_the_length_of_what_was_written(tmp_path: Path) -> None:
    log = RunLog(tmp_path, keep_bytes=0, first_step=0)
    assert log.secured() == 0
    log.scalars(0, 0, {"a": 1})
    assert log.secured() == (tmp_path / "metrics.jsonl").stat().st_size
    log.close()


def test_metrics_shorter_than_the_checkpoint__are_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"at least 10 bytes in .*metrics\.jsonl; got 0"):
        RunLog(tmp_path, keep_bytes=10, first_step=0)


def test_full_disk__is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = RunLog(tmp_path, keep_bytes=0, first_step=0)

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match="free some space"):
        log.secured()
    monkeypatch.undo()
    log.close()


def test_read_only_folder__is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("leadline.training.logs.SummaryWriter", refuse)
    with pytest.raises(StorageError, match="may write to"):
        RunLog(tmp_path, keep_bytes=0, first_step=0)


def test_other_ranks__log_nothing() -> None:
    log = NoLog()
    log.scalars(0, 0, {"a": 1.0})
    log.timing(0, {"a": 1.0})
    log.picture("a", 0, np.zeros((1, 1, 3), np.uint8))
    assert log.secured() == 0
    log.close()


def test_run_log__events_may_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    log = RunLog(tmp_path, keep_bytes=0, first_step=0, events=tmp_path / "elsewhere")
    log.scalars(0, 0, {"Train/BatchLoss": 1.0})
    log.close()
    assert list((tmp_path / "elsewhere").glob("events.out.tfevents.*"))
    assert not list(tmp_path.glob("events.out.tfevents.*"))
