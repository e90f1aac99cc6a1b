# SPDX-License-Identifier: Apache-2.0
"""What is written into a manifest is what is read; every mistake in it is named with its line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, StorageError
from leadline.contracts.manifest import ManifestLine
from leadline.data.manifest_file import format_line, read_manifest, write_manifest

GOOD: dict[str, Any] = {"image": "a.jpg", "depth": "a.png"}
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


def test_manifest__comes_back_as_it_was_written(tmp_path: Path) -> None:
    lines = [
        ManifestLine(image="a.jpg", depth="a.png", scale=0.001, invalid_values=(0.0, 65535.0), split="train"),
        ManifestLine(
            image="ordner/ä.jpg",
            depth="/elsewhere/b.npy",
            kind=DepthKind.AFFINE_DISPARITY,
            offset=-1.5,
            invalid_values=(),
            intrinsics_px=(500.0, 501.0, 320.0, 240.0),
        ),
    ]
    write_manifest(tmp_path / "new" / "manifest.jsonl", lines)
    assert read_manifest(tmp_path / "new" / "manifest.jsonl") == lines
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["manifest.jsonl"]


@given(scale=NUMBERS.filter(lambda v: v != 0), offset=NUMBERS, invalid=st.lists(NUMBERS), kind=st.sampled_from(DepthKind))
def test_format_line__loses_no_digit(scale: float, offset: float, invalid: list[float], kind: DepthKind) -> None:
    line = ManifestLine(image="a", depth="b", scale=scale, offset=offset, invalid_values=tuple(invalid), kind=kind)
    read = json.loads(format_line(line))
    assert (read["scale"], read["offset"], read["invalid_values"], read["kind"]) == (scale, offset, invalid, kind.value)
    assert "\n" not in format_line(line)


def test_read_manifest__fills_in_the_defaults_of_the_contract(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(json.dumps(GOOD) + "\r\n")
    assert read_manifest(tmp_path / "m.jsonl") == [ManifestLine(image="a.jpg", depth="a.png")]


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("{", "a JSON object; got line 2"),
        ("", "a JSON object; got line 2"),
        ("[1]", "line 2 of .*: a list"),
        ({**GOOD, "scal": 1}, "line 2 of .*: scal;"),
        ({"image": "a"}, "'depth' to be a path; got line 2"),
        ({"depth": "a"}, "'image' to be a path"),
        ({**GOOD, "image": 3}, "'image' to be a path; got line 2 .*: 3"),
        ({**GOOD, "depth": ""}, "'depth' to be a path"),
        ({**GOOD, "kind": "meters"}, "'kind' to be one of metric, .*; got line 2 .*'meters'"),
        ({**GOOD, "kind": 1}, "'kind'"),
        ({**GOOD, "scale": 0}, "'scale' to be a number other than 0"),
        ({**GOOD, "scale": "0.001"}, "'scale'"),
        ({**GOOD, "scale": float("nan")}, "'scale'"),
        ({**GOOD, "offset": True}, "'offset' to be a number"),
        ({**GOOD, "invalid_values": 0}, "'invalid_values' to be a list"),
        ({**GOOD, "invalid_values": [None]}, "'invalid_values'"),
        ({**GOOD, "intrinsics_px": [1, 2, 3]}, "'intrinsics_px'"),
        ({**GOOD, "intrinsics_px": [0, 0, 1, 1]}, "'intrinsics_px' to be finite, fx above 0.*line 2"),
        ({**GOOD, "intrinsics_px": [-9, 9, 1, 1]}, "'intrinsics_px' to be finite, fx above 0"),
        ({**GOOD, "intrinsics_px": [9, 0, 1, 1]}, "and fy not 0"),
        ({**GOOD, "split": 1}, "'split' to be a name"),
    ],
)
def test_read_manifest__names_the_line_and_the_mistake(tmp_path: Path, line: Any, match: str) -> None:
    text = line if isinstance(line, str) else json.dumps(line)
    (tmp_path / "m.jsonl").write_text(f"{json.dumps(GOOD)}\n{text}\n{json.dumps(GOOD)}\n")
    with pytest.raises(DataError, match=match):
        read_manifest(tmp_path / "m.jsonl")


def test_read_manifest__refuses_missing_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    for name, match in (("gone.jsonl", "no such file"), ("empty.jsonl", "empty")):
        with pytest.raises(DataError, match=match):
            read_manifest(tmp_path / name)


def test_write_manifest__reports_a_place_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        write_manifest(tmp_path / "file" / "m.jsonl", [])


def test_manifest__keeps_file_names_that_are_no_unicode(tmp_path: Path) -> None:
    lines = [ManifestLine(image="a\udcff.jpg", depth="ä.png"), ManifestLine(image="ä.jpg", depth="b.png")]
    write_manifest(tmp_path / "manifest.jsonl", lines)
    assert read_manifest(tmp_path / "manifest.jsonl") == lines
    assert "ä.jpg" in (tmp_path / "manifest.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(("text", "said"), [("9" * 5000, "4300 digits"), ("[" * 99_999, "recursion")])
def test_read_manifest__names_the_line_that_python_cannot_read(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(json.dumps(GOOD) + "\n" + text)
    with pytest.raises(DataError, match=f"line 2 of .*{said}"):
        read_manifest(tmp_path / "manifest.jsonl")


def test_read_manifest__takes_numbers_as_large_as_floats_go(tmp_path: Path) -> None:
    largest = sys.float_info.max
    (tmp_path / "manifest.jsonl").write_text(json.dumps(GOOD | {"scale": largest, "offset": -largest}))
    (line,) = read_manifest(tmp_path / "manifest.jsonl")
    assert (line.scale, line.offset) == (largest, -largest)


@pytest.mark.parametrize("key", ["scale", "offset", "invalid_values"])
def test_read_manifest__refuses_a_number_beyond_all_floats(tmp_path: Path, key: str) -> None:
    value = [10**400] if key == "invalid_values" else 10**400
    (tmp_path / "manifest.jsonl").write_text(json.dumps(GOOD | {key: value}))
    with pytest.raises(DataError, match=f"'{key}' to be a .*line 1"):
        read_manifest(tmp_path / "manifest.jsonl")
