# SPDX-License-Identifier: Apache-2.0
import pytest

from leadline.contracts.errors import UsageError
from leadline.data.named_values import named_values


def test_named_values__reads_names_as_flags_are_written_and_values_as_they_stand() -> None:
    assert named_values(["use-bfx-depth=true", "kinds=room,yard", "a=b=c"], flag="--option") == {
        "use_bfx_depth": "true",
        "kinds": "room,yard",
        "a": "b=c",
    }
    assert named_values([], flag="--option") == {}


@pytest.mark.parametrize("word", ["count", "=3", "count=", "="])
def test_named_values__refuses_another_form_with_the_right_one(word: str) -> None:
    with pytest.raises(UsageError) as refusal:
        named_values(["good=1", word], flag="--dataset-root", form="NAME=DIR")
    assert str(refusal.value) == f"expected --dataset-root NAME=DIR; got {word!r}; put the value behind an = sign"


def test_named_values__refuses_a_name_given_twice_in_either_spelling() -> None:
    with pytest.raises(UsageError, match="--option once for val_fraction; got '1' and '2'"):
        named_values(["val-fraction=1", "val_fraction=2"], flag="--option")
