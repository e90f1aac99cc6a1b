# SPDX-License-Identifier: Apache-2.0
"""config.toml: written with sources, read back equal."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.contracts.errors import StorageError
from leadline.training.config_file import Setting, from_toml, to_toml

VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)


class Colour(Enum):
    RED = "red"


def read_back(tmp_path: Path, settings: dict[str, Setting]) -> dict[str, object]:
    path = tmp_path / "config.toml"
    path.write_text(to_toml(settings), encoding="utf-8")
    return from_toml(path)


def test_to_toml__states_the_source_of_each_value() -> None:
    text = to_toml({"lr": Setting(1e-4, "flag"), "name": Setting("a", "config\nnyu.toml")})
    assert text == 'lr = 0.0001  # flag\nname = "a"  # config nyu.toml\n'


def test_config__comes_back_with_its_types(tmp_path: Path) -> None:
    settings = {
        "engine.epochs": Setting(3, "default"),
        "engine.big": Setting(1e20, "default"),
        "engine.whole": Setting(2.0, "default"),
        "engine.amp": Setting(True, "flag"),
        "root": Setting(Path("a dir/b#c"), "flag"),
        "colour": Setting(Colour.RED, "default"),
        "n_attractors": Setting((16, 8, 4, 1), "default"),
        "odd key.x": Setting(float("inf"), "default"),
        "missing": Setting(None, "default"),
        "empty": Setting([], "default"),
    }
    assert read_back(tmp_path, settings) == {
        "engine.epochs": 3,
        "engine.big": 1e20,
        "engine.whole": 2.0,
        "engine.amp": True,
        "root": "a dir/b#c",
        "colour": "red",
        "n_attractors": [16, 8, 4, 1],
        "odd key.x": float("inf"),
        "empty": [],
    }


@given(value=VALUES, source=st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_config__brings_back_any_value(tmp_path_factory: pytest.TempPathFactory, value: object, source: str) -> None:
    found = read_back(tmp_path_factory.mktemp("toml"), {"x": Setting(value, source), "y": Setting([value, value], source)})
    assert found == {"x": value, "y": [value, value]}
    assert type(found["x"]) is type(value)


def test_to_toml__refuses_what_toml_has_not() -> None:
    with pytest.raises(TypeError, match="set"):
        to_toml({"x": Setting({1}, "default")})


def test_from_toml__says_which_file_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"config\.toml"):
        from_toml(tmp_path / "config.toml")
    (tmp_path / "config.toml").write_text("= nonsense")
    with pytest.raises(StorageError, match=r"config\.toml"):
        from_toml(tmp_path / "config.toml")
