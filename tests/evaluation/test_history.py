# SPDX-License-Identifier: Apache-2.0
"""Reading metrics.jsonl: tags become curves, nulls and torn ends are left out, damage is named."""

import logging
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.evaluation.history import read_history
from leadline.training.logs import RunLog


def test_history__reads_what_the_training_log_wrote(tmp_path: Path) -> None:
    log = RunLog(tmp_path, keep_bytes=0, first_step=0)
    log.scalars(3, 0, {"Train/BatchLoss": 1.5, "Train/GradNorm": float("nan")})
    log.scalars(7, 1, {"Train/BatchLoss": 0.5, "Val/D1": 0.75})
    log.close()
    assert read_history(tmp_path / "metrics.jsonl") == {"Train/BatchLoss": [(3, 1.5), (7, 0.5)], "Val/D1": [(7, 0.75)]}


def test_history__of_no_run_is_empty(tmp_path: Path) -> None:
    assert read_history(tmp_path / "metrics.jsonl") == {}


def test_history__a_torn_last_line_is_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step":1,"epoch":0,"a":2}\n{"step":2,"epoch":0,"a":')
    with caplog.at_level(logging.WARNING):
        assert read_history(path) == {"a": [(1, 2)]}
    assert "torn last line" in caplog.text


@pytest.mark.parametrize("line", ["not json", '{"epoch": 1}', "[1, 2]", '"text"'])
def test_history__damage_elsewhere_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{line}\n{{"step":2,"a":3}}\n')
    with pytest.raises(DataError, match=r"line 1 of .*metrics\.jsonl"):
        read_history(path)
