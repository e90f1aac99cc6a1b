# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from leadline.cli.main import main
from tests.cli.test_train import TOY


def test_resume__a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main([*TOY, "--save-dir", str(run), "--log-dir", str(tmp_path / "logs")]) == 0
    before = (run / "checkpoint_latest" / "model.safetensors").read_bytes()
    assert main(["resume", str(run)]) == 0
    assert (run / "checkpoint_latest" / "model.safetensors").read_bytes() == before


def test_resume__says_what_a_run_is_where_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(tmp_path)]) == 2
    assert "config.toml" in capsys.readouterr().err
