# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from leadline.benchmarks import labelling
from leadline.benchmarks.folder import write_pictures
from leadline.benchmarks.labelling import Work, pace_shares, worker_gains
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.contracts.errors import UsageError
from leadline.data.label_folder import done_shards
from leadline.models.head_config import RelativeHeadConfig
from tests.cli.toy import save_toy


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    monkeypatch.setattr(labelling, "PICTURES", 2)
    monkeypatch.setattr(labelling, "JOB_PICTURES", 3)
    save_toy(tmp_path / "model", RelativeHeadConfig())
    write_pictures(tmp_path / "pictures", 5)
    return Work(rounds=2, side_px=28, folder=tmp_path)


def test_pace_shares__measures_the_whole_against_the_forward_passes(work: Work) -> None:
    before = torch.get_num_threads()
    shares = pace_shares(work)
    torch.set_num_threads(before)
    assert len(shares) == 2
    assert all(0 < share < math.inf for share in shares)  # how fast is for the benchmark to say
    assert done_shards(work.folder / "pace") == {0}


@pytest.mark.slow
def test_worker_gains__labels_every_picture_with_one_worker_and_with_two(work: Work) -> None:
    gains, jobs_s = worker_gains(work)
    assert len(gains) == len(jobs_s) == 2
    assert all(seconds > 0 for pair in jobs_s for seconds in pair)
    assert done_shards(work.folder / "one0") == {0, 2, 3, 4}  # the first of each worker, then the timed ones
    assert done_shards(work.folder / "two1") == {0, 1, 2, 3, 4}


def test_measure__refuses_a_gpu() -> None:
    with pytest.raises(UsageError, match="--device cpu"):
        labelling.measure(BenchmarkSettings(device="cuda"))
