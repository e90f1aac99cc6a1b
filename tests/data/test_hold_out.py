# SPDX-License-Identifier: Apache-2.0
"""No scene stands on both sides of a split, neither side is empty, and the split never changes."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.contracts.errors import UsageError
from leadline.data.hold_out import hold_out


@given(st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=60), st.floats(0.01, 0.5))
def test_hold_out__divides_every_row_once_and_leaves_neither_side_empty(groups: list[str], fraction: float) -> None:
    kept, held = hold_out(groups, fraction=fraction)
    assert sorted(kept + held) == list(range(len(groups)))
    assert kept == sorted(kept)
    assert held == sorted(held)
    assert kept
    assert held
    if len(set(groups)) > 1:
        assert not {groups[i] for i in kept} & {groups[i] for i in held}


def test_hold_out__comes_close_to_the_fraction() -> None:
    groups = [f"scene_{i // 10}" for i in range(1000)]
    assert len(hold_out(groups, fraction=0.1)[1]) == 100
    assert len(hold_out(groups, fraction=0.25)[1]) == 250


def test_hold_out__does_not_depend_on_the_order_of_the_list() -> None:
    groups = [f"scene_{i % 7}" for i in range(70)]
    held = {groups[i] for i in hold_out(groups, fraction=0.3)[1]}
    reordered = sorted(groups, reverse=True)
    assert {reordered[i] for i in hold_out(reordered, fraction=0.3)[1]} == held


def test_hold_out__keeps_a_huge_scene_for_training() -> None:
    groups = ["huge"] * 90 + [f"small_{i}" for i in range(10)]
    kept, held = hold_out(groups, fraction=0.1)
    assert set(range(90)) <= set(kept)
    assert len(held) == 10 or {groups[i] for i in held} < {f"small_{i}" for i in range(10)}


def test_hold_out__takes_one_block_off_the_end_of_a_single_scene(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert hold_out(["s"] * 20, fraction=0.1) == (list(range(18)), [18, 19])
    assert "one scene" in caplog.text


def test_hold_out__of_nothing_keeps_everything() -> None:
    assert hold_out(["a"], fraction=0.0) == ([0], [])


@pytest.mark.parametrize(("groups", "fraction", "match"), [(["a", "b"], 0.6, "0 to 0.5"), (["a"], 0.1, "at least two")])
def test_hold_out__refuses_what_cannot_be_divided(groups: list[str], fraction: float, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        hold_out(groups, fraction=fraction)


def test_hold_out__takes_scenes_whose_names_are_no_unicode() -> None:
    kept, held = hold_out(["\udcff", "b", "\ud800"], fraction=0.3)
    assert sorted(kept + held) == [0, 1, 2]
