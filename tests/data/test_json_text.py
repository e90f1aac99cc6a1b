# SPDX-License-Identifier: Apache-2.0
"""One kind of error for every text that is no JSON."""

from __future__ import annotations

import json

import pytest

from leadline.data.json_text import parse_json


def test_parse_json__reads_what_is_written() -> None:
    assert parse_json('{"a": [1, null]}') == {"a": [1, None]}


@pytest.mark.parametrize(
    ("text", "said"), [("{", "double quotes"), ("9" * 5000, "4300 digits"), ("[" * 99_999, "recursion")]
)
def test_parse_json__refuses_in_one_way(text: str, said: str) -> None:
    with pytest.raises(json.JSONDecodeError, match=said) as refusal:
        parse_json(text)
    assert refusal.value.lineno == 1
