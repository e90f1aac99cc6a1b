# SPDX-License-Identifier: Apache-2.0
"""Options reach the procedural scenes; without a split the held-out ones are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Field
from leadline.data.procedural_request import open_procedural
from leadline.data.request import DatasetRequest


def layout(root: Path) -> DatasetRequest:  # noqa: ARG001
    return DatasetRequest(options={"count": 2, "height": 24, "width": 32})


def test_open_procedural__passes_every_option_on() -> None:
    options = {"count": 3, "seed": 7, "height": 24, "width": 32, "stereo": True, "ordinal_pairs": 2}
    scenes = open_procedural(DatasetRequest(split="val", options=options))
    assert len(scenes) == 3
    assert scenes.key(1).startswith("val-7-")
    assert scenes.provides == set(Field)
    sample = scenes[0]
    assert sample.image.shape == (3, 24, 32)
    assert sample.stereo is not None
    assert sample.ordinal is not None


def test_open_procedural__shows_held_out_scenes_by_default() -> None:
    assert open_procedural(DatasetRequest()).split == "test"
    assert open_procedural(DatasetRequest(split="train")).split == "train"


def test_open_procedural__refuses_unknown_splits_and_sizes() -> None:
    with pytest.raises(UsageError, match="all, test, train, val; got 'eval'"):
        open_procedural(DatasetRequest(split="eval"))
    with pytest.raises(UsageError, match="count 0"):
        open_procedural(DatasetRequest(options={"count": 0}))
