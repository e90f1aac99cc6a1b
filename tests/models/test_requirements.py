# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from leadline.contracts.errors import UsageError, require
from leadline.models.requirements import correct, require_one_of


def test_correct__names_the_flags_of_what_is_wrong() -> None:
    require(True, "anything", 3, correct())
    with pytest.raises(UsageError, match=r"expected 0 < a; got 7; correct --min-a or --max-a$"):
        require(False, "0 < a", 7, correct("min_a", "max_a"))
    with pytest.raises(UsageError, match=r"correct the model configuration$"):
        require(False, "0 < a", 7, correct())


def test_require_one_of__suggests_the_nearest() -> None:
    require_one_of("mean", ("sum", "mean"))
    with pytest.raises(UsageError, match=r"one of sum, mean; got 'maen'; did you mean mean\?"):
        require_one_of("maen", ("sum", "mean"))
