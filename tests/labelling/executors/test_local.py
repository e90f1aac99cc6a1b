# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.errors import DataError, StorageError, UsageError, WeightsError
from leadline.labelling.board import LabelProgress
from leadline.labelling.executors import local
from leadline.labelling.executors.local import workers_for
from leadline.labelling.run import label
from leadline.models.head_config import RelativeHeadConfig
from leadline.training.signals import Terminated
from tests.cli.toy import save_toy
from tests.labelling.toys import content, request_for, write_pictures


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("model") / "toy", RelativeHeadConfig())


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"), 12)


@pytest.mark.parametrize(
    ("change", "visible", "expected"),
    [
        ({"workers": 5}, None, 5),
        ({"device": "auto"}, "0,1,3", 3),
        ({"device": "cuda"}, "", 1),
        ({"device": "cuda:1"}, "0,1", 1),
        ({"device": "mps"}, None, 1),
        ({"device": "cpu", "threads": 10**6}, None, 1),
    ],
)
def test_workers_for__takes_the_gpus_or_the_cores_where_nobody_says(
    change: dict[str, Any], visible: str | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert workers_for(request_for(Path("p"), Path("out"), **change)) == expected


@pytest.mark.slow
def test_local__one_and_two_workers_write_the_same_and_a_finished_job_is_left_alone(
    toy: Path, images: Path, tmp_path: Path
) -> None:
    for workers in (1, 2):
        found = label(request_for(images, tmp_path / str(workers), model=str(toy), workers=workers))
        assert (found.shards, found.labels, found.already_done) == (6, 12, 0)
    assert content(tmp_path / "1") == content(tmp_path / "2")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "1").iterdir() if path.suffix == ".tar"}
    again = label(request_for(images, tmp_path / "1", model=str(toy), workers=2))
    assert (again.already_done, again.labels) == (6, 12)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    other = save_toy(tmp_path / "other")
    with pytest.raises(WeightsError, match="whose numbers differ"):
        label(request_for(images, tmp_path / "1", model=str(other), workers=1))


@pytest.mark.slow
def test_local__replaces_a_killed_worker_and_loses_nothing(toy: Path, images: Path, tmp_path: Path) -> None:
    label(request_for(images, tmp_path / "whole", model=str(toy), workers=1))
    killed: list[int] = []

    def kill_one(now: LabelProgress) -> None:
        if now.shards_done in (1, 3) and now.shards_done not in killed:
            killed.append(now.shards_done)
            os.kill(_children()[0], signal.SIGKILL)

    found = label(request_for(images, tmp_path / "out", model=str(toy), workers=2), kill_one)
    assert len(killed) == 2
    assert found.labels == 12
    assert content(tmp_path / "out") == content(tmp_path / "whole")


@pytest.mark.slow
def test_local__gives_up_on_workers_that_always_die(
    toy: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "work", _dies)
    with pytest.raises(StorageError, match="3 that were killed"):
        label(request_for(images, tmp_path / "out", model=str(toy), workers=1))


def _dies(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_local__stops_on_sigterm_keeps_what_is_done_and_goes_on(toy: Path, images: Path, tmp_path: Path) -> None:
    label(request_for(images, tmp_path / "whole", model=str(toy), workers=1))
    request = request_for(images, tmp_path / "out", model=str(toy), workers=2)

    def strike(now: LabelProgress) -> None:
        if now.shards_done == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Terminated):
        label(request, strike)
    assert not [path for path in request.out.iterdir() if "partial" in path.name]
    assert _children() == []
    found = label(request)
    assert found.already_done >= 2
    assert content(request.out) == content(tmp_path / "whole")


@pytest.mark.slow
def test_local__tells_mistakes_of_workers_as_their_own(toy: Path, images: Path, tmp_path: Path) -> None:
    with pytest.raises((WeightsError, UsageError), match="nowhere"):
        label(request_for(images, tmp_path / "out", model="nowhere", workers=1))
    broken = write_pictures(tmp_path / "broken", 3)
    (broken / "000.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"000\.jpg"):
        label(request_for(broken, tmp_path / "out2", model=str(toy), workers=1, on_unreadable="stop"))


def _children() -> list[int]:
    mine = Path(f"/proc/{os.getpid()}/task")
    pids = [int(pid) for task in mine.iterdir() for pid in (task / "children").read_text().split()]
    return [pid for pid in pids if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
