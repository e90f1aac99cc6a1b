# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging

import pytest

from leadline.cli.console import notices, output, progress, progress_with_parts, show_log, table


def test_table__shows_title_columns_and_rows(capsys: pytest.CaptureFixture[str]) -> None:
    output().print(table("Depths", ["name", "metres"], [["near", "1.5"]]))
    captured = capsys.readouterr()
    assert all(word in captured.out for word in ("Depths", "name", "metres", "near", "1.5"))
    assert captured.err == ""


def test_notices__go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    notices().print("a remark")
    captured = capsys.readouterr()
    assert (captured.out, captured.err.strip()) == ("", "a remark")


def test_progress__stays_off_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading", 3) as advance:
        advance(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "2/3" in captured.err


def test_show_log__writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    show_log()
    show_log()
    logging.getLogger("leadline.somewhere").info("one image skipped")
    assert capsys.readouterr().err == "one image skipped\n"


def test_progress_with_parts__shows_parts_only_while_a_piece_is_under_way(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_with_parts("predicting", total=2) as bars:
        assert not bars.shows_parts
        bars.part("tiles", 1, 3)
        assert bars.shows_parts
        bars.part("tiles", 3, 3)
        assert not bars.shows_parts
        bars.advance(2)
    assert "2/2" in capsys.readouterr().err
