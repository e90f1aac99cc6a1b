# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from leadline.cli.toml_defaults import read_toml_defaults, shipped_configs
from leadline.contracts.errors import UsageError


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True, kw_only=True)
class Options:
    n_bins: int = 64
    lr: Annotated[float, "rate"] = 1e-4
    encoder: Literal["vits", "vitb"] = "vits"
    sizes: tuple[int, ...] = (1,)
    pair: tuple[int, float] = (1, 2.0)
    validate: bool = True
    root: Path | None = None
    tile: int | Literal["auto"] = "auto"
    name: str = ""
    colour: Colour = Colour.RED


def read(folder: Path, text: str) -> dict[str, Any]:
    file = folder / "some.toml"
    file.write_text(text)
    return read_toml_defaults(Options, str(file))


def test_read_toml_defaults__converts_every_kind_of_annotation(tmp_path: Path) -> None:
    text = (
        'n-bins = 8\nlr = 1\nencoder = "vitb"\nsizes = [3, 4]\npair = [5, 6]\nvalidate = false\n'
        'root = "a/b"\ntile = 7\nname = "x"\ncolour = "red"\n'
    )
    values = read(tmp_path, text)
    assert values == {
        "n_bins": 8, "lr": 1.0, "encoder": "vitb", "sizes": (3, 4), "pair": (5, 6.0), "validate": False,
        "root": Path("a/b"), "tile": 7, "name": "x", "colour": Colour.RED,
    }  # fmt: skip
    assert isinstance(values["lr"], float)


def test_read_toml_defaults__leaves_out_what_the_file_leaves_out(tmp_path: Path) -> None:
    assert read(tmp_path, "") == {}


def test_read_toml_defaults__names_the_nearest_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"got 'n_bin'; did you mean n_bins\?"):
        read(tmp_path, "n_bin = 3")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n_bins = 1.5", "n_bins in .* to be an integer"),
        ("n_bins = true", "to be an integer"),
        ('lr = "fast"', "to be a number"),
        ("lr = true", "to be a number"),
        ('encoder = "vitz"', "to be one of vits, vitb"),
        ("sizes = 3", "to be a list"),
        ('sizes = ["a"]', "to be an integer"),
        ("pair = [1]", "to be a list of 2"),
        ("validate = 1", "to be true or false"),
        ("root = 1", "to be a path"),
        ('tile = "off"', "to be an integer or one of auto"),
        ("name = 1", "to be a text"),
        ('colour = "blue"', "to be one of red"),
        ("n_bins = ", "TOML in"),
    ],
)
def test_read_toml_defaults__says_what_a_value_should_be(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        read(tmp_path, text)


def test_read_toml_defaults__refuses_an_unknown_name() -> None:
    with pytest.raises(UsageError, match="got 'no-such-config'"):
        read_toml_defaults(Options, "no-such-config")


def test_shipped_configs__are_sorted_and_readable() -> None:
    assert list(shipped_configs()) == sorted(shipped_configs())
