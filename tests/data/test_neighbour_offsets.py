# SPDX-License-Identifier: Apache-2.0
import pytest

from leadline.contracts.errors import UsageError
from leadline.data.neighbour_offsets import offsets_from


def test_offsets_from__sorts_numbers_and_knows_nothing_as_none() -> None:
    assert offsets_from(" 2, -1,1", "a") == (-1, 1, 2)
    assert offsets_from("", "a") == offsets_from("  ", "a") == ()


@pytest.mark.parametrize("text", ["0", "1,1", "-1,x", "1.5", ",", "1;2"])
def test_offsets_from__refuses_what_is_no_set_of_frames(text: str) -> None:
    with pytest.raises(UsageError, match=r"'neighbours' of dataset 'a' .* write e.g. neighbours=-1,1"):
        offsets_from(text, "a")
