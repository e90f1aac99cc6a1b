# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from leadline.cli.datasets import DatasetChoice, key_values, open_chosen
from leadline.contracts.errors import UsageError


def test_key_values__keeps_everything_behind_the_first_equals() -> None:
    assert key_values(["count=8", "a-b=c=d", "empty="]) == {"count": "8", "a_b": "c=d", "empty": ""}


@pytest.mark.parametrize("option", ["count", "=8", ""])
def test_key_values__refuses_what_is_no_pair(option: str) -> None:
    with pytest.raises(UsageError, match="KEY=VALUE"):
        key_values([option])


@pytest.mark.parametrize("again", ["use-raw=false", "use_raw=false"])
def test_key_values__refuses_a_key_given_twice_in_either_spelling(again: str) -> None:
    with pytest.raises(UsageError, match="--option use_raw once; got 'true' and 'false'; keep one"):
        key_values(["use-raw=true", "count=8", again])


def test_open_chosen__passes_split_and_options_on() -> None:
    def open_split(split: str) -> object:
        options = ("count=3", "height=24", "width=32")
        return open_chosen(DatasetChoice(name="procedural", root=None, split=split, listing=None, options=options))[0].key

    dataset = open_chosen(
        DatasetChoice(name="procedural", root=None, split=None, listing=None, options=("count=3", "height=24", "width=32"))
    )
    assert len(dataset) == 3
    assert dataset[0].image.shape == (3, 24, 32)
    assert open_split("train") != open_split("test")


def test_dataset_choice__repeats_what_was_asked_for_as_plain_values() -> None:
    asked = DatasetChoice(
        name="sunrgbd", root=Path("data/sun"), split="val", listing=Path("lists/a.json"), options=("use-bfx-depth=true",)
    )
    assert asked.record == {
        "root": "data/sun",
        "split": "val",
        "listing": "lists/a.json",
        "options": {"use_bfx_depth": "true"},
    }


def test_dataset_choice__says_all_where_no_split_was_named() -> None:
    plain = DatasetChoice(name="procedural", root=None, split=None, listing=None, options=())
    assert plain.record == {"root": None, "split": "all", "listing": None, "options": {}}
