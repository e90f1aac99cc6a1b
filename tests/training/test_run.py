# SPDX-License-Identifier: Apache-2.0
"""The folder of a run."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from leadline.contracts.errors import StorageError
from leadline.training.config_file import Setting
from leadline.training.run import RunFolder, holds_run

CONFIG = {"engine.lr": Setting(1e-4, "flag"), "engine.missing": Setting(None, "default")}


def test_create__writes_the_configuration_with_sources(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "new" / "run", CONFIG)
    assert run.resume_from is None
    assert (run.path / "config.toml").read_text() == "engine.lr = 0.0001  # flag\n# engine.missing is not set  # default\n"
    assert run.config() == {"engine.lr": 1e-4}
    assert holds_run(run.path)


@pytest.mark.parametrize("trace", ["config.toml", "metrics.jsonl", "checkpoint_latest", "checkpoint_epoch_3"])
def test_create__refuses_a_folder_that_holds_a_run_and_names_both_remedies(tmp_path: Path, trace: str) -> None:
    (tmp_path / trace).mkdir()
    with pytest.raises(StorageError, match=r"leadline resume .* choose another folder"):
        RunFolder.create(tmp_path, CONFIG)


def test_create__takes_a_folder_with_other_things(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    RunFolder.create(tmp_path, CONFIG)


def test_create__says_when_the_folder_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"):
        RunFolder.create(tmp_path / "file" / "run", CONFIG)


def test_create__leaves_the_folder_to_rank_0(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", CONFIG, rank=1)
    assert not run.path.exists()


def test_open__finds_the_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    RunFolder.create(tmp_path, CONFIG)
    (tmp_path / "checkpoint_best").mkdir()
    (tmp_path / "checkpoint_epoch_4").mkdir()
    assert RunFolder.open(tmp_path).resume_from == "checkpoint_latest"
    assert RunFolder.open(tmp_path, checkpoint="best").resume_from == "checkpoint_best"
    assert RunFolder.open(tmp_path, checkpoint="epoch_4").resume_from == "checkpoint_epoch_4"
    with pytest.raises(StorageError, match=r"checkpoint_epoch_5; got best, epoch_4"):
        RunFolder.open(tmp_path, checkpoint="epoch_5")


def test_open__refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"config\.toml"):
        RunFolder.open(tmp_path)


def _try_lock(path: Path) -> None:
    with RunFolder(path=path).locked():
        pass


def test_locked__keeps_a_second_process_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    process = multiprocessing.get_context("fork").Process(target=_try_lock, args=(tmp_path,))
    with RunFolder(path=tmp_path).locked():
        process.start()
        process.join()
    assert process.exitcode == 1
    assert "another process training in it" in capfd.readouterr().err
    second = multiprocessing.get_context("fork").Process(target=_try_lock, args=(tmp_path,))
    second.start()
    second.join()
    assert second.exitcode == 0
