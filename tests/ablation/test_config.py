# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.errors import UsageError
from tests.ablation.toy import toy_ablation


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seeds": (1, 1)}, "--seeds without repetition"),
        ({"seeds": ()}, "--seeds without repetition"),
        ({"seeds": (-1,)}, "--seeds of 0 or more"),
        ({"validate": False}, "--no-validate"),
        ({"stage": "student"}, "an ablation without --resume"),
        ({"teacher": True}, "an ablation without --resume"),
        ({"run_id": "mine"}, "an ablation without --resume"),
    ],
)
def test_ablation_config__what_cannot_be_meant_is_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as refusal:
        toy_ablation(tmp_path, **changes)
    assert told in str(refusal.value)
