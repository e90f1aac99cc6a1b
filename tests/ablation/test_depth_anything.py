# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from leadline.ablation.catalog import ABLATIONS
from leadline.ablation.depth_anything import VARIANTS
from leadline.ablation.variant import Variant
from leadline.recipes.staged.stages import deciding, digest
from tests.ablation.toy import toy_ablation


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: f"{one.group}-{one.name}")
def test_depth_anything_ablation__every_variant_is_valid_for_the_flags_that_all_share(
    tmp_path: Path, variant: Variant
) -> None:
    config = variant.config(toy_ablation(tmp_path), seed=0, folder=tmp_path, stages=tmp_path)
    assert config.recipe == variant.recipe
    for name, value in variant.changes.items():
        assert getattr(config, name) == value


def test_depth_anything_ablation__asks_the_questions_of_both_papers_and_of_the_reference() -> None:
    groups = list(dict.fromkeys(one.group for one in VARIANTS))
    assert groups == ["parts", "margin", "whose", "target-and-loss", "cutmix", "distillation", "resolution"]
    assert len([one for one in VARIANTS if one.group == "target-and-loss"]) == 12
    assert len({one.name for one in VARIANTS}) == len(VARIANTS)
    assert ABLATIONS["depth-anything"].variants == VARIANTS
    assert ABLATIONS["depth-anything"].summary


def test_depth_anything_ablation__within_a_group_no_two_lines_are_the_same_training(tmp_path: Path) -> None:
    shared = toy_ablation(tmp_path)
    for group in {one.group for one in VARIANTS}:
        of_group = [one for one in VARIANTS if one.group == group]
        planned = [one.config(shared, seed=0, folder=tmp_path, stages=tmp_path) for one in of_group]
        assert len({digest(deciding(config) | {"recipe": config.recipe}) for config in planned}) == len(of_group)
