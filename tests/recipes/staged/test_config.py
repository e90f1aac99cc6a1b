# SPDX-License-Identifier: Apache-2.0
import ast
import dataclasses
from pathlib import Path
from typing import Any

import pytest

import leadline
from leadline.ablation.config import AblationConfig
from leadline.contracts.errors import UsageError
from leadline.recipes.distillation.config import DistillationConfig
from leadline.recipes.semi_supervised.config import SemiSupervisedConfig
from tests.recipes.staged.toy import distilled, semi


def names_read() -> set[str]:
    """Every attribute that any module reads, of whatever object."""
    source = Path(leadline.__file__).parent
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in source.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}


@pytest.mark.parametrize("schema", [SemiSupervisedConfig, DistillationConfig, AblationConfig])
def test_chain_flags__each_is_read_somewhere(schema: type[Any]) -> None:
    declared = {field.name for field in dataclasses.fields(schema)}
    assert declared - names_read() - set(schema.root_flags.values()) == set()  # those are read by the name of their dataset


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ignore_largest": 1.0}, "--ignore-largest in"),
        ({"feature_margin": 2.0}, "--feature-margin in"),
        ({"unlabelled": ()}, "--unlabelled with at least one"),
        ({"ssi_weight": 0.0}, "--ssi-weight above 0"),
        ({"grad_weight": -1.0}, "loss weights of 0 or more"),
        ({"teacher_epochs": 0}, "--teacher-epochs of at least 1"),
        ({"labels_per_shard": 0}, "--labels-per-shard of at least 1"),
        ({"encoder_lr_factor": 0.0}, "--encoder-lr-factor above 0"),
        ({"cache_features": "memory"}, "no --cache-features"),
    ],
)
def test_chain_flags__what_cannot_be_meant_is_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    for config in (semi(tmp_path), distilled(tmp_path)):
        with pytest.raises(UsageError) as refusal:
            dataclasses.replace(config, **changes)
        assert told in str(refusal.value)
