# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from leadline.contracts.errors import StorageError
from leadline.labelling.board import LabelProgress
from leadline.labelling.run import label
from leadline.models.head_config import RelativeHeadConfig
from tests.cli.toy import save_toy
from tests.labelling.toys import request_for, write_pictures


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID", raising=False)
    return save_toy(tmp_path / "toy", RelativeHeadConfig())


def test_label__tells_how_far_it_is_and_removes_what_a_killed_run_left(toy: Path, tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "pictures", 5)
    request = request_for(images, tmp_path / "out", model=str(toy), executor="rank")
    request.out.mkdir()
    (request.out / ".shard-000001.0123abcd.partial.tar").write_bytes(b"half")
    told: list[LabelProgress] = []
    summary = label(request, told.append)
    assert (summary.shards, summary.labels, summary.already_done) == (3, 5, 0)
    assert [now.shards_done for now in told] == sorted(now.shards_done for now in told)
    assert (told[-1].shards_done, told[-1].shards, told[-1].pictures, told[-1].remaining_s) == (3, 3, 5, 0.0)
    assert not [path for path in request.out.iterdir() if "partial" in path.name]


def test_label__says_at_once_that_nothing_can_be_written(toy: Path, tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "pictures", 2)
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="write into"):
        label(request_for(images, tmp_path / "file" / "out", model=str(toy), executor="rank"))
