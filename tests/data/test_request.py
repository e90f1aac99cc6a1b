# SPDX-License-Identifier: Apache-2.0
"""Options become typed settings, or one sentence that names the option and the nearest right one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from leadline.contracts.errors import UsageError
from leadline.data.request import DatasetRequest, OptionValue, required_root, required_split, settings_from


@dataclass(frozen=True, kw_only=True, slots=True)
class Toy:
    """Options of a toy."""

    fill: bool = False
    max_m: float = 8.0
    count: int = 3
    unit: Literal["auto", "mm"] = "auto"
    file: str = ""


def test_settings_from__keeps_defaults_and_types() -> None:
    assert settings_from(Toy, "toy", {}) == Toy()
    given: dict[str, OptionValue] = {"fill": True, "max_m": 10, "count": 4, "unit": "mm", "file": "a.txt"}
    assert settings_from(Toy, "toy", given) == Toy(fill=True, max_m=10.0, count=4, unit="mm", file="a.txt")
    assert isinstance(settings_from(Toy, "toy", given).max_m, float)


def test_settings_from__converts_strings_from_a_command_line() -> None:
    made = settings_from(Toy, "toy", {"fill": "true", "max_m": "inf", "count": "4"})
    assert made == Toy(fill=True, max_m=float("inf"), count=4)
    assert settings_from(Toy, "toy", {"fill": "False"}).fill is False


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"fil": True}, r"did you mean fill\?"),
        ({"zzzzz": True}, "leave it out"),
        ({"fill": "maybe"}, "'fill' of dataset 'toy' to be bool; got 'maybe'"),
        ({"count": "many"}, "'count' of dataset 'toy' to be int"),
        ({"count": True}, "to be int"),
        ({"max_m": True}, "to be float"),
        ({"unit": "cm"}, "one of auto, mm"),
        ({"count": 2.7}, "to be int; got 2.7"),
        ({"count": float("inf")}, "to be int; got inf"),
        ({"count": None}, "to be int; got None"),
        ({"max_m": 10**400}, "to be float"),
    ],
)
def test_settings_from__answers_mistakes(options: dict[str, OptionValue], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        settings_from(Toy, "toy", options)


def test_required_root__asks_for_a_folder(tmp_path: Path) -> None:
    assert required_root("toy", DatasetRequest(root=tmp_path)) == tmp_path
    for root, match in (
        (None, "got none"),
        (tmp_path / "gone", "gone, which is no folder"),
        (tmp_path / ("a" * 300), "aaa, which is no folder"),
        (tmp_path / "a\0b", "which is no folder"),
    ):
        with pytest.raises(UsageError, match=match):
            required_root("toy", DatasetRequest(root=root))


def test_required_split__knows_its_names() -> None:
    assert required_split("toy", DatasetRequest(), ("all", "val")) == "all"
    assert required_split("toy", DatasetRequest(split="val"), ("all", "val")) == "val"
    with pytest.raises(UsageError, match="a split of 'toy': all, val; got 'eval'"):
        required_split("toy", DatasetRequest(split="eval"), ("all", "val"))
