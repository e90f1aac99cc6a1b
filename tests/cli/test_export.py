# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from leadline.cli.export import ExportArguments, parse_size
from leadline.cli.main import VERBS, main
from leadline.contracts.errors import UsageError


def test_parse_size__is_height_by_width() -> None:
    assert parse_size("480x640") == (480, 640)
    assert parse_size(None) is None


@pytest.mark.parametrize("text", ["480", "480x", "0x640", "480X640", "-1x4", "480x640x3", "४x५"])
def test_parse_size__refuses_anything_else(text: str) -> None:
    with pytest.raises(UsageError, match="--static HEIGHTxWIDTH"):
        parse_size(text)


def test_export__is_a_verb() -> None:
    assert VERBS["export"][0] == "leadline.cli.export"
    assert ExportArguments.__doc__


def test_export__answers_a_mistake_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "random:depth-anything-v2-small", "--to", "onnx", "--out", "a.onnx", "--static", "big"]) == 2
    said = capsys.readouterr()
    assert "--static HEIGHTxWIDTH" in said.err
    assert said.err.count("\n") == 1
