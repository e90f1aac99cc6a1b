# SPDX-License-Identifier: Apache-2.0
"""The resolved configuration as TOML: name -> (value, source) enters, one commented line per setting leaves, and back."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from leadline.contracts.errors import StorageError

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Setting(NamedTuple):
    """One hyper-parameter.

    Attributes:
        value: bool, int, float, str, Path, Enum, None, or a list or tuple of these.
        source: where the value came from, e.g. ``"default"``, ``"flag"``, ``"config nyu.toml"``.
    """

    value: object
    source: str


def to_toml(settings: Mapping[str, Setting]) -> str:
    """One line per setting, its source as a comment; dots in a name make tables, None is written as a comment only.

    >>> print(to_toml({"engine.lr": Setting(1e-4, "flag")}), end="")
    engine.lr = 0.0001  # flag
    """
    return "".join(_line(name, *setting) for name, setting in settings.items())


def _line(name: str, value: object, source: str) -> str:
    key = ".".join(part if _BARE.fullmatch(part) else json.dumps(part) for part in name.split("."))
    comment = " ".join(source.split())
    return f"# {key} is not set  # {comment}\n" if value is None else f"{key} = {_literal(value)}  # {comment}\n"


def _literal(value: object) -> str:
    match value:
        case Enum():
            return _literal(value.value)
        case bool():
            return str(value).lower()
        case float():
            # TOML wants a digit after the point and before an exponent, and lower-case inf and nan, as repr writes them
            return repr(value) if not math.isfinite(value) or set(repr(value)) & set(".e") else f"{value!r}.0"
        case int():
            return repr(value)
        case str() | Path():
            # a JSON string is a TOML basic string, but for DEL, which TOML wants escaped
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return "[" + ", ".join(_literal(item) for item in value) + "]"
        case _:
            raise TypeError(f"no TOML for {type(value).__name__}")


def from_toml(path: Path) -> dict[str, object]:
    """The settings of a file that ``to_toml`` wrote, dotted name -> value; those that were None are absent.

    Raises:
        StorageError: the file is missing or is not TOML.
    """
    try:
        return _flat("", tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise StorageError(
            expected=f"the configuration of a run in {path}",
            got=str(error),
            remedy="name the folder of a run that leadline train has made",
        ) from error


def _flat(prefix: str, table: Mapping[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(f"{prefix}{key}.", value)
        else:
            flat[prefix + key] = value
    return flat
