# SPDX-License-Identifier: Apache-2.0
"""Needs: a dataset that lacks a field is refused in one sentence."""

from __future__ import annotations

import pytest

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field
from leadline.data.needs import require_fields


def test_require_fields__accepts_more_than_is_needed() -> None:
    require_fields(frozenset({Field.DEPTH}), frozenset({Field.IMAGE, Field.DEPTH}), "nyu")


def test_require_fields__names_what_is_missing_and_which_datasets_would_do() -> None:
    with pytest.raises(ContractError) as caught:
        require_fields(frozenset({Field.DEPTH, Field.STEREO}), frozenset({Field.IMAGE, Field.DEPTH}), "nyu")
    assert caught.value.got == "'nyu', which provides DEPTH, IMAGE and lacks STEREO"
    assert "procedural" in caught.value.remedy
    assert "nyu" not in caught.value.remedy
