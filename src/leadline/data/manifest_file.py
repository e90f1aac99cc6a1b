# SPDX-License-Identifier: Apache-2.0
"""manifest.jsonl: lines of JSON go in and checked ManifestLines come out, and the way back."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError
from leadline.contracts.manifest import ManifestLine
from leadline.data.decoding import METRES_PER_UNIT
from leadline.data.json_text import parse_json
from leadline.data.nyu_list import read_text
from leadline.rasters.atomic import atomically

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MANIFEST_NAME = "manifest.jsonl"

_KNOWN = frozenset(field.name for field in fields(ManifestLine))


def read_manifest(path: Path) -> list[ManifestLine]:
    """Read a manifest; entry i is line i + 1.  Absolute paths are allowed; whether files exist is not checked here.

    Raises:
        DataError: unreadable, empty, or a line that is no object, has an unknown or missing key or a value of the wrong
            type or that cannot be meant; the line number is named.
    """
    lines = read_text(path).rstrip("\n").split("\n")
    if lines == [""]:
        raise DataError(
            expected="at least one line", got=f"{path}, which is empty", remedy="write a line per labelled picture"
        )
    return [_parsed(line, f"line {number} of {path}") for number, line in enumerate(lines, start=1)]


def write_manifest(path: Path, lines: Iterable[ManifestLine]) -> None:
    """Write a manifest with every field spelled out, one line each.  Atomic.  StorageError when it cannot be written.

    For library users, and for the pseudo-labels of the recipes ``semi-supervised`` and ``distillation`` to come.
    """
    with atomically(path) as temporary:
        temporary.write_text("".join(format_line(line) + "\n" for line in lines), encoding="utf-8")


def format_line(line: ManifestLine) -> str:
    """One line of a manifest as JSON, without the line end; file names that are no UTF-8 come back when it is read."""
    content = {**asdict(line), "kind": line.kind.value}
    text = json.dumps(content, ensure_ascii=False)
    is_unicode = text.encode(errors="replace").decode() == text
    return text if is_unicode else json.dumps(content)


def _parsed(text: str, place: str) -> ManifestLine:
    try:
        content = parse_json(text)
    except json.JSONDecodeError as error:
        raise DataError(expected="a JSON object", got=f"{place}: {error.msg}", remedy="mend the line") from error
    if not isinstance(content, dict):
        raise DataError(expected="a JSON object", got=f"{place}: a {type(content).__name__}", remedy="mend the line")
    if unknown := set(content) - _KNOWN:
        raise DataError(
            expected=f"the keys {', '.join(sorted(_KNOWN))}",
            got=f"{place}: {', '.join(sorted(unknown))}",
            remedy="remove it",
        )
    _refuse_unless(content.get("image"), _is_path, "'image' to be a path", place)
    _refuse_unless(content.get("depth"), _is_path, "'depth' to be a path", place)
    line = ManifestLine(**{name: _checked(name, value, place) for name, value in content.items()})
    if wrong := unmeant(line):
        name, expected = wrong
        raise _wrong(f"'{name}' to be {expected}", place, content[name])
    return line


def unmeant(line: ManifestLine) -> tuple[str, str] | None:
    """The first field whose value nobody can mean, and what it must be; None where all is well.

    The rule for manifests and for the options that stand in their place.
    """
    if not math.isfinite(line.scale) or line.scale == 0:
        return "scale", "a number other than 0"
    if not all(map(math.isfinite, line.invalid_values)):
        return "invalid_values", "finite numbers, for NaN and infinities are always invalid"
    if line.unit != "m" and line.kind is not DepthKind.METRIC:
        return "unit", "m, which is what kinds other than metric leave it at"
    if line.intrinsics_px is not None:
        fx, fy, _, _ = line.intrinsics_px
        if not all(map(math.isfinite, line.intrinsics_px)) or fx <= 0 or fy == 0:
            return "intrinsics_px", "finite, fx above 0 and fy not 0 (below 0 for pictures stored upside down)"
    return None


def _checked(name: str, value: Any, place: str) -> Any:
    if name == "kind":
        kinds = {kind.value: kind for kind in DepthKind}
        _refuse_unless(value, lambda v: isinstance(v, str) and v in kinds, f"'kind' to be one of {', '.join(kinds)}", place)
        return kinds[value]
    if name == "invalid_values":
        _refuse_unless(value, lambda v: _are_numbers(v, None), "'invalid_values' to be a list of numbers", place)
        return tuple(float(number) for number in value)
    if name == "intrinsics_px":
        _refuse_unless(
            value, lambda v: v is None or _are_numbers(v, 4), "'intrinsics_px' to be [fx, fy, cx, cy] or null", place
        )
        return None if value is None else tuple(float(number) for number in value)
    if name == "split":
        _refuse_unless(value, lambda v: v is None or _is_path(v), "'split' to be a name or null", place)
        return value
    if name == "unit":
        _refuse_unless(value, lambda v: v in METRES_PER_UNIT, f"'unit' to be one of {', '.join(METRES_PER_UNIT)}", place)
        return value
    if name == "mask":
        _refuse_unless(value, lambda v: v is None or _is_path(v), "'mask' to be a path or null", place)
        return value
    if name == "scale":
        _refuse_unless(value, _is_number, "'scale' to be a number other than 0", place)
        return float(value)
    if name == "offset":
        _refuse_unless(value, _is_number, "'offset' to be a number", place)
        return float(value)
    return value


def _refuse_unless(value: Any, holds: Any, expected: str, place: str) -> None:
    if not holds(value):
        raise _wrong(expected, place, value)


def _wrong(expected: str, place: str, value: Any) -> DataError:
    return DataError(expected=expected, got=f"{place}: {value!r}"[:200], remedy="mend the line")


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max


def _are_numbers(value: Any, count: int | None) -> bool:
    return isinstance(value, list) and all(_is_number(number) for number in value) and count in {None, len(value)}
