# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from leadline.cli.run_place import BY_RUN_ID, find_run, run_to_resume
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


@pytest.fixture
def two_runs(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").write_text(f'run_id = "id-{name}"\n')
    return tmp_path


def test_run_to_resume__is_the_named_one_or_that_of_the_id_or_of_the_folder(two_runs: Path) -> None:
    one, two = two_runs / "one", two_runs / "two"
    assert run_to_resume(str(two), run_id="", save_dir=one).folder == two
    assert run_to_resume(str(two), run_id="id-two", save_dir=one).folder == two
    assert run_to_resume(BY_RUN_ID, run_id="id-two", save_dir=two_runs).folder == two
    assert run_to_resume(BY_RUN_ID, run_id="id-two", save_dir=one).folder.resolve() == two
    assert run_to_resume(BY_RUN_ID, run_id="", save_dir=one).folder == one


def test_run_to_resume__unknown_ids_are_refused_never_started(two_runs: Path) -> None:
    with pytest.raises(UsageError, match="there are id-one, id-two"):
        run_to_resume(BY_RUN_ID, run_id="nothing", save_dir=two_runs)
    with pytest.raises(UsageError, match="--run-id id-one"):
        run_to_resume(str(two_runs / "one"), run_id="id-two", save_dir=two_runs)
    with pytest.raises(UsageError, match=r"config\.toml"):
        run_to_resume(BY_RUN_ID, run_id="", save_dir=two_runs)
