# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from leadline.cli.failures import report_failure
from leadline.contracts.errors import DataError


class OutOfMemoryError(RuntimeError):
    """Stands for torch.OutOfMemoryError, which is recognised by its name."""


def test_report_failure__tells_a_mistake_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    status = report_failure(DataError(expected="a JPEG", got="a.jpg\nempty", remedy="copy it again"), debug=True)
    assert status == 2
    assert capsys.readouterr().err == "leadline: expected a JPEG; got a.jpg empty; copy it again\n"


def test_report_failure__answers_an_interrupt_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_failure(KeyboardInterrupt(), debug=False) == 130
    assert capsys.readouterr().err == "leadline: interrupted\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_report_failure__treats_a_full_or_read_only_disk_as_a_mistake(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_failure(OSError(number, "disk trouble", "out/a.npy"), debug=False) == 2
    message = capsys.readouterr().err
    assert "disk trouble" in message
    assert "out/a.npy" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("error", [MemoryError(), OutOfMemoryError("CUDA out of memory")])
def test_report_failure__treats_too_little_memory_as_a_mistake(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert report_failure(error, debug=False) == 2
    assert "out of memory" in capsys.readouterr().err


def test_report_failure__saves_the_traceback_of_a_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert report_failure(ZeroDivisionError("oh\nno"), debug=False) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    saved = re.search(r"traceback in (\S+);", message)
    assert saved
    assert "ZeroDivisionError: oh" in Path(saved[1]).read_text()


def test_report_failure__shows_the_traceback_when_debugging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert report_failure(ZeroDivisionError("oh"), debug=True) == 1
    assert capsys.readouterr().err.startswith("ZeroDivisionError: oh\n")


def test_report_failure__treats_a_broken_pipe_inside_as_a_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert report_failure(BrokenPipeError("a worker died"), debug=False) == 1
