# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from leadline.recipes.semi_supervised.guide import Guide
from leadline.recipes.semi_supervised.guide_stage import guide_stage
from leadline.recipes.semi_supervised.run import train_semi_supervised
from leadline.recipes.staged.chain import Chain
from leadline.training.display import SilentDisplay
from tests.recipes.staged.toy import START, semi, toy_model, write_weights


def test_guide_stage__needs_no_other_stage_and_begins_as_the_student_s_encoder(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "encoder.safetensors", seed=5)
    config = semi(tmp_path, feature_target="depth-guide", stage="guide", pretrained_checkpoint=weights, guide_lr=1e-9)
    assert train_semi_supervised(config, START) is None
    assert [one.name.partition("-")[0] for one in (tmp_path / "run").iterdir() if one.is_dir()] == ["guide"]
    folder = guide_stage(Chain(config=config, display=SilentDisplay()), config).folder(tmp_path / "run")
    guide, given = Guide.load(folder), toy_model(5).encoder.state_dict()
    for name, one in guide.model.encoder.state_dict().items():
        torch.testing.assert_close(one, given[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "anew"),
    [
        ({"feature_loss": "cka", "cutmix": 0.0, "batch_size": 6, "num_epochs": 3, "ignore_largest": 0.1}, False),
        ({"guide_lr": 1e-3}, True),
        ({"guide_epochs": 3}, True),
        ({"seed": 1}, True),
    ],
)
def test_guide_stage__does_not_depend_on_what_is_the_student_s_alone(
    tmp_path: Path, changes: dict[str, Any], anew: bool
) -> None:
    config = semi(tmp_path, feature_target="depth-guide")
    chain = Chain(config=config, display=SilentDisplay())
    before, after = (guide_stage(chain, one).folder(tmp_path) for one in (config, dataclasses.replace(config, **changes)))
    assert (before != after) == anew
