# SPDX-License-Identifier: Apache-2.0
"""Finding and changing protocols by name."""

import math

import pytest

from leadline.contracts.errors import ContractError, UsageError
from leadline.evaluation.catalog import changed, changed_choices, find_protocol
from leadline.evaluation.crops import GARG
from leadline.geometry.alignment import Alignment


def test_find_protocol__suggests_the_nearest_name() -> None:
    assert find_protocol("nyu-eigen").name == "nyu-eigen"
    with pytest.raises(UsageError, match=r"got 'nyu-eigne'; did you mean nyu-eigen\?"):
        find_protocol("nyu-eigne")


def test_changed__replaces_what_is_named_and_nothing_else() -> None:
    original = find_protocol("nyu-eigen")
    assert changed(original) == original
    assert changed_choices(original) == []
    other = changed(original, crop="garg", range_m=(1.0, math.inf), alignment="median", tta="none")
    assert (other.crop, other.range_m, other.alignment, other.tta) == (GARG, (1.0, math.inf), Alignment.MEDIAN, "none")
    assert changed_choices(other) == ["alignment", "crop", "range_m", "tta"]
    assert changed(original, tta="flip").tta == "flip"


@pytest.mark.parametrize("choice", [{"crop": "nyu"}, {"alignment": "lstsq"}, {"tta": "rotate"}])
def test_changed__names_the_known_choices(choice: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"--(crop|alignment|tta) to be one of (none|full), .*got"):
        changed(find_protocol("depth"), crop=choice.get("crop"), alignment=choice.get("alignment"), tta=choice.get("tta"))


def test_changed__says_what_to_do_where_no_name_is_alike() -> None:
    with pytest.raises(UsageError, match="got 'qqqq'; leave --crop out for the protocol's own choice"):
        changed(find_protocol("depth"), crop="qqqq")


def test_changed__passes_on_the_protocols_refusals() -> None:
    with pytest.raises(ContractError, match="allows: none"):
        changed(find_protocol("da2k"), alignment="median")
