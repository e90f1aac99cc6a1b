# SPDX-License-Identifier: Apache-2.0
"""What a training would do, told without doing it."""

from __future__ import annotations

from leadline.recipes.stereo.dry_run import told_plan
from tests.recipes.stereo.toy import toy_config, toy_recipe


def test_told_plan__counts_what_each_stage_trains_as_the_recipe_does() -> None:
    told = told_plan(toy_config(train_stereo=("matching", "decoder=0.1")), {"encoder": "flag"})
    groups = {group.name: group for group in toy_recipe().stage_groups("stereo")}
    numbers = sum(parameter.numel() for parameter in groups["matching"].parameters)
    assert f"| stereo | 21 | matching | {len(groups['matching'].parameters)} | {numbers:,} | 1 |" in told
    assert 'encoder = "dinov2-toy"  # flag' in told
    assert "| stereo | gradient | 0.01 |" in told


def test_told_plan__of_the_largest_encoder_takes_no_memory() -> None:
    told = told_plan(toy_config(encoder="dinov2g"), {})
    assert "| mono | 1 | backbone |" in told
