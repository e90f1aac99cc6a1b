# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from leadline.contracts.errors import DataError
from leadline.inference.runtimes.portable_description import PortableDescription
from tests.portable_echo import description


def test_from_json__is_the_inverse_of_to_json() -> None:
    for said in (description(), description(size_px=(40, 50), interpolation="antialiased", has_confidence=True)):
        assert PortableDescription.from_json(said.to_json(), "f") == said


def test_to_json__says_the_unit_and_is_always_the_same() -> None:
    assert json.loads(description().to_json())["unit"] == "m"
    assert description().to_json() == description().to_json()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', '"x"'])
def test_from_json__refuses_what_is_not_ours(text: str) -> None:
    with pytest.raises(DataError, match=r"description by Leadline in f\.onnx"):
        PortableDescription.from_json(text, "f.onnx")


def test_from_json__refuses_a_later_version() -> None:
    later = json.dumps(json.loads(description().to_json()) | {"format": 2})
    with pytest.raises(DataError, match="format 2"):
        PortableDescription.from_json(later, "f.onnx")
