# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.toy import say

SMALL = ("procedural", "--option", "count=4", "height=48", "width=64")


def test_data_inspect__prints_sizes_metres_and_valid_share(capsys: pytest.CaptureFixture[str]) -> None:
    said = say(capsys, "data", "inspect", *SMALL, "--limit", "2")
    assert said.status == 0, said.err
    words = ("4, of which 2 inspected, 0 unreadable", "48x64 (2)", "minimum / median / maximum", " m", "valid pixels")
    assert all(word in said.out for word in words), said.out
    assert "Not visible" in said.out


def test_data_inspect__says_when_units_look_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("image", "depth"):
        (tmp_path / name).mkdir()
    millimetres = np.linspace(900, 4000, 48 * 64).reshape(48, 64).astype(np.uint16)
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(tmp_path / "image" / "0.png")
    Image.fromarray(millimetres).save(tmp_path / "depth" / "0.png")
    said = say(capsys, "data", "inspect", "labelled_folder", "--root", tmp_path, "--option", "scale=1")
    assert said.status == 0, said.err
    assert "doubt in 1 of 1" in said.out
    assert "metres" in " ".join(said.out.split())


@pytest.mark.parametrize("broken", [1, 2])
def test_data_inspect__where_nothing_can_be_read_it_says_so_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: int
) -> None:
    for name in ("image", "depth"):
        (tmp_path / name).mkdir()
    for index in range(2):
        Image.fromarray(np.full((48, 64, 3), 9 * index, np.uint8)).save(tmp_path / "image" / f"{index}.png")
        Image.fromarray(np.full((48, 64), 2000, np.uint16)).save(tmp_path / "depth" / f"{index}.png")
    for index in range(broken):
        (tmp_path / "image" / f"{index}.png").write_bytes(b"no picture")
    said = say(capsys, "data", "inspect", "labelled_folder", "--root", tmp_path)
    if broken == 1:
        assert said.status == 0, said.err
        assert "1 unreadable" in said.out
    else:
        assert "none of 2, the first:" in said.mistake()


def test_data_preview__writes_a_contact_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sub" / "sheet.png"
    said = say(capsys, "data", "preview", *SMALL, "--limit", "2", "--out", sheet)
    assert said.status == 0, said.err
    assert str(sheet) in said.out.replace("\n", "")
    assert np.asarray(Image.open(sheet)).ndim == 3


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("inspct", "procedural"), "did you mean inspect?"),
        (("inspect", "procedrual"), "did you mean procedural?"),
        (("inspect", "nyu"), "--root"),
        (("inspect", "procedural", "--limit", "-1"), "--limit"),
        (("inspect",), "NAME"),
    ],
)
def test_data__answers_a_mistake_in_one_line(words: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert named in say(capsys, "data", *words).mistake()
