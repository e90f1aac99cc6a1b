# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

from leadline.cli.datasets import DatasetChoice, open_chosen


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
