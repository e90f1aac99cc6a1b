# SPDX-License-Identifier: Apache-2.0
import pickle

import pytest

from leadline.contracts import errors
from leadline.contracts.errors import LeadlineError, UsageError, require

FAMILY = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, LeadlineError)]


@pytest.mark.parametrize("kind", FAMILY)
def test_every_error__is_one_line_with_expected_got_and_remedy(kind: type[LeadlineError]) -> None:
    error = kind(expected="a file\nof pixels", got="zero  bytes", remedy="copy it again")
    assert str(error) == "expected a file of pixels; got zero bytes; copy it again"
    assert (error.expected, error.got, error.remedy) == ("a file\nof pixels", "zero  bytes", "copy it again")


def test_require__refuses_what_does_not_hold_and_only_that() -> None:
    require(True, "a number", "a", "write one")
    with pytest.raises(UsageError, match=r"^expected a number; got 'a'; write one$"):
        require(False, "a number", "a", "write one")


@pytest.mark.parametrize("kind", FAMILY)
def test_every_error__comes_out_of_another_process_as_it_went_in(kind: type[LeadlineError]) -> None:
    error = pickle.loads(pickle.dumps(kind(expected="a file\nof pixels", got="zero  bytes", remedy="copy it again")))
    assert type(error) is kind
    assert str(error) == "expected a file of pixels; got zero bytes; copy it again"
    assert (error.expected, error.got, error.remedy) == ("a file\nof pixels", "zero  bytes", "copy it again")
