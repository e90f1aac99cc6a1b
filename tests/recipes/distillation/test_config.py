# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from leadline.contracts.errors import UsageError
from leadline.recipes.distillation.config import DistillationConfig
from tests.recipes.staged.toy import distilled


def test_distillation_config__its_defaults_are_the_paper_s_weights() -> None:
    config = DistillationConfig()
    assert (config.ssi_weight, config.grad_weight, config.teacher_grad_weight) == (1.0, 2.0, 2.0)
    assert config.ignore_largest == 0.1
    assert config.labelled_per_step == config.batch_size


def test_distillation_config__masking_is_of_the_affine_invariant_loss_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--ignore-largest 0 with --objective log"):
        distilled(tmp_path, objective="log")
    assert distilled(tmp_path, objective="log", ignore_largest=0.0)
