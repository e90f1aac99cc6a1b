# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from leadline.contracts.errors import UsageError
from leadline.labelling.executors.ranks import Rank, rank_from
from leadline.labelling.run import label
from leadline.models.head_config import RelativeHeadConfig
from leadline.training.signals import Terminated
from tests.cli.toy import save_toy
from tests.labelling.toys import content, request_for, write_pictures


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("RANK=1 WORLD_SIZE=4 LOCAL_RANK=1", (1, 4, 1)),
        ("SLURM_PROCID=2 SLURM_NTASKS=3 SLURM_LOCALID=0", (2, 3, 0)),
        ("SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=8", (0, 8, 0)),
        ("SLURM_ARRAY_TASK_ID=30 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_STEP=10", (2, 4, 0)),
        ("SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=2 SLURM_PROCID=2 SLURM_NTASKS=3", (2, 6, 0)),
        ("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=2 SLURM_PROCID=0 SLURM_NTASKS=1 RANK=1 WORLD_SIZE=2", (3, 4, 0)),
    ],
)
def test_rank_from__reads_arrays_srun_and_torchrun(environment: str, expected: tuple[int, int, int]) -> None:
    rank, world, local = expected
    assert rank_from(dict(word.split("=") for word in environment.split())) == Rank(rank=rank, world=world, local=local)


@pytest.mark.parametrize(
    "environment",
    [
        "",
        "RANK=1",
        "RANK=2 WORLD_SIZE=2",
        "RANK=x WORLD_SIZE=2",
        "SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_COUNT=2",
        "SLURM_ARRAY_TASK_ID=15 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_STEP=10",
    ],
)
def test_rank_from__refuses_what_is_no_rank(environment: str) -> None:
    with pytest.raises(UsageError):
        rank_from(dict(word.split("=") for word in environment.split()))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("model") / "toy", RelativeHeadConfig())


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.startswith("SLURM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    return monkeypatch


def test_ranks__together_write_what_one_writes(toy: Path, tmp_path: Path, alone: pytest.MonkeyPatch) -> None:
    images = write_pictures(tmp_path / "pictures", 7)
    one = label(request_for(images, tmp_path / "one", model=str(toy), executor="rank"))
    assert (one.shards, one.labels) == (4, 7)
    alone.setenv("WORLD_SIZE", "3")
    found = 0
    for rank in (2, 0, 1):
        alone.setenv("RANK", str(rank))
        found += label(request_for(images, tmp_path / "three", model=str(toy), executor="rank")).labels
    assert found == 7
    assert content(tmp_path / "one") == content(tmp_path / "three")


@pytest.mark.usefixtures("alone")
def test_rank__stops_on_sigterm_between_two_bytecodes_and_goes_on_later(toy: Path, tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "pictures", 7)
    request = request_for(images, tmp_path / "out", model=str(toy), executor="rank")
    label(request_for(images, tmp_path / "whole", model=str(toy), executor="rank"))

    def strike(now: object) -> None:
        if now.pictures == 3:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Terminated, match="finished shards are kept"):
        label(request, strike)
    assert sorted(content(request.out)) == ["labels.json", "shard-000000.jsonl", "shard-000000.tar"]
    assert not [path for path in request.out.iterdir() if "partial" in path.name]
    assert label(request).already_done == 1
    assert content(request.out) == content(tmp_path / "whole")
