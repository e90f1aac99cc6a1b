# SPDX-License-Identifier: Apache-2.0
"""Ids of runs: drawn, checked, and found again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leadline.contracts.errors import UsageError
from leadline.training.run_id import fresh_run_id, require_free, require_legal, run_id_of, run_with_id


def write_run(folder: Path, run_id: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(f'recipe = "metric"\nrun_id = "{run_id}"\n')
    return folder


def test_fresh_run_id__is_a_date_and_never_the_same(tmp_path: Path) -> None:
    drawn = [fresh_run_id(tmp_path) for _ in range(20)]
    assert len(set(drawn)) == 20
    assert all(re.fullmatch(r"20\d{6}-\d{6}-[0-9a-f]{6}", one) for one in drawn)
    require_legal(drawn[0])


@pytest.mark.parametrize("run_id", ["", "-a", "a/b", "a b", "ä", "a" * 65, "../a", "a\n"])
def test_require_legal__refuses_what_no_file_or_tracker_takes(run_id: str) -> None:
    with pytest.raises(UsageError, match="--run-id"):
        require_legal(run_id)


def test_run_with_id__looks_in_the_folder_below_it_and_beside_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs" / "a", "first")
    stage = write_run(run / "student", "second")
    beside = write_run(tmp_path / "runs" / "b", "third")
    (tmp_path / "runs" / "c").mkdir()
    (tmp_path / "runs" / "c" / "config.toml").write_text("other = [1\n")  # not ours, not even TOML
    assert run_with_id("first", run) == run
    assert run_with_id("second", run) == stage
    assert run_with_id("third", run).resolve() == beside
    with pytest.raises(UsageError, match="there are first, second, third"):
        run_with_id("fourth", run)
    assert run_with_id("second", tmp_path / "runs") == stage
    assert run_id_of(tmp_path / "runs" / "c") == ""


def test_run_with_id__unknown_names_the_runs_there_are(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "20261121-184533-3fa9c2")
    write_run(tmp_path / "b", "student-1")
    with pytest.raises(UsageError, match=r"there are 20261121-184533-3fa9c2, student-1; did you mean student-1\?"):
        run_with_id("student-2", tmp_path / "a")
    with pytest.raises(UsageError, match="there is no run; name the --save-dir"):
        run_with_id("x", tmp_path / "elsewhere" / "c")


def test_run_with_id__names_no_more_than_ten(tmp_path: Path) -> None:
    for number in range(12):
        write_run(tmp_path / str(number), f"run-{number:02}")
    with pytest.raises(UsageError, match="run-09 and 2 more; name"):
        run_with_id("zzz", tmp_path)


def test_run_with_id__refuses_to_choose_between_two(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "same")
    write_run(tmp_path / "b", "same")
    with pytest.raises(UsageError, match=r"one run with the id same; got .*a, .*b"):
        run_with_id("same", tmp_path)
    assert run_with_id("same", tmp_path / "a") == tmp_path / "a"


def test_require_free__refuses_an_id_of_a_neighbour_but_not_the_folders_own(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", "mine")
    require_free("mine", run)
    require_free("other", tmp_path / "b")
    with pytest.raises(UsageError, match=r"which .*a has"):
        require_free("mine", tmp_path / "b")
