# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import WeightsError
from leadline.models.name_rules import NameRules, renamed, renamer, turned

RULES: NameRules = (("a.{i}.{d}.x", "b.{d}.{i}"), ("a.{i}", "c.{i}"), ("a", "d"))


def test_renamer__takes_the_first_rule_that_fits_and_keeps_the_rest_of_the_name() -> None:
    rename = renamer(RULES)
    assert rename("a.3.nyu.x.weight") == "b.nyu.3.weight"
    assert rename("a.3.nyu.y") == "c.3.nyu.y"
    assert rename("a.nyu") == "d.nyu"
    assert rename("ab.3") is None
    assert rename("z.a.3") is None


def test_turned__leads_back() -> None:
    back = renamer(turned(RULES))
    assert [back(name) for name in ("b.nyu.3.weight", "c.3", "d")] == ["a.3.nyu.x.weight", "a.3", "a"]


def test_renamed__keeps_the_tensors_and_refuses_to_lose_one() -> None:
    tensors = {"a": torch.ones(1), "b": torch.zeros(1)}
    got = renamed(tensors, str.upper)
    assert got["A"] is tensors["a"]
    assert list(got) == ["A", "B"]
    with pytest.raises(WeightsError, match="'a' and 'b', which both are 'x'"):
        renamed(tensors, lambda _: "x")
