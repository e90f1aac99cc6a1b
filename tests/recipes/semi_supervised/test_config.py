# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.errors import UsageError
from leadline.recipes.semi_supervised.config import SemiSupervisedConfig
from tests.recipes.staged.toy import semi


@pytest.mark.parametrize("batch_size", range(3, 14))
def test_semi_supervised_config__labelled_to_unlabelled_are_exactly_one_to_two(batch_size: int) -> None:
    config = SemiSupervisedConfig(batch_size=batch_size)
    assert config.unlabelled_per_step == 2 * config.labelled_per_step > 0
    assert batch_size - 2 <= config.labelled_per_step + config.unlabelled_per_step <= batch_size


def test_semi_supervised_config__the_reference_s_words_for_stages_are_understood(tmp_path: Path) -> None:
    assert semi(tmp_path).asked == "all"
    assert semi(tmp_path, teacher=True).asked == "teacher"
    assert semi(tmp_path, student=True).asked == "student"
    assert semi(tmp_path, stage="guide").asked == "guide"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"teacher": True, "student": True}, "--teacher or --student"),
        ({"student": True, "stage": "labels"}, "--stage labels too"),
        ({"cutmix": 1.5}, "--cutmix in"),
        ({"labelled_weight": 0.0, "unlabelled_weight": 0.0}, "a loss weight above 0"),
        ({"guide_epochs": 0}, "--guide-epochs of at least 1"),
        ({"objective": "log"}, "--objective affine-invariant"),
    ],
)
def test_semi_supervised_config__what_cannot_be_meant_is_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as refusal:
        semi(tmp_path, **changes)
    assert told in str(refusal.value)
