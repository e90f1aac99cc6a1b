# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from leadline.cli.run_place import find_run
from leadline.contracts.errors import UsageError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text("")
    (tmp_path / "checkpoint_best").mkdir()
    return tmp_path


def test_find_run__takes_the_folder_a_checkpoint_or_the_reference_spelling(run: Path) -> None:
    assert (find_run(str(run)).folder, find_run(str(run)).checkpoint) == (run, "latest")
    assert find_run(str(run / "checkpoint_best")).checkpoint == "best"
    assert find_run(str(run / "checkpoint_best.pth")).checkpoint == "best"
    assert find_run(str(run / "checkpoint_epoch_3")).checkpoint == "epoch_3"


@pytest.mark.parametrize("typed", ["nowhere", "nowhere/checkpoint_latest.pth"])
def test_find_run__says_what_a_run_is_where_there_is_none(tmp_path: Path, typed: str) -> None:
    with pytest.raises(UsageError, match=r"config\.toml"):
        find_run(str(tmp_path / typed))
