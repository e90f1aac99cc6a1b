# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from leadline.ablation import cells
from leadline.ablation.cells import CELL, chosen, run_cells
from leadline.ablation.depth_anything import VARIANTS
from leadline.contracts.errors import UsageError
from leadline.recipes.catalog import RecipeEntry, find_recipe
from leadline.recipes.staged.stages import digest
from leadline.training.display import SilentDisplay
from tests.ablation.toy import toy_ablation
from tests.recipes.staged.toy import write_pictures, write_teacher, write_weights


def test_chosen__takes_groups_and_names_in_the_order_of_the_table(tmp_path: Path) -> None:
    shared = toy_ablation(tmp_path)
    assert chosen(VARIANTS, shared) == list(VARIANTS)
    few = dataclasses.replace(shared, groups=("margin", "parts"), only=("margin 0.85", "labelled"))
    assert [one.name for one in chosen(VARIANTS, few)] == ["labelled", "margin 0.85"]


@pytest.mark.parametrize(("flag", "value"), [("groups", "partz"), ("only", "+ featurs")])
def test_chosen__what_there_is_not_is_answered_with_the_nearest(tmp_path: Path, flag: str, value: str) -> None:
    with pytest.raises(UsageError, match="did you mean"):
        chosen(VARIANTS, dataclasses.replace(toy_ablation(tmp_path), **{flag: (value,)}))  # type: ignore[arg-type]


@pytest.mark.slow
def test_run_cells__a_kill_between_cells_costs_only_what_was_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = toy_ablation(tmp_path, groups=("cutmix",), only=("no cutmix", "random box"), seeds=(0, 1))
    variants = chosen(VARIANTS, shared)
    trained: list[Path] = []

    def counted(name: str) -> Any:
        entry = find_recipe(name)
        train = entry.trainer()

        class Counted(RecipeEntry):
            def trainer(self) -> Any:
                def run(config: Any, start: Any) -> Any:
                    trained.append(config.save_dir)
                    if len(trained) == 3:
                        raise KeyboardInterrupt
                    return train(config, start)

                return run

        return Counted(summary="", yields="", config=entry.config, run=entry.run)

    monkeypatch.setattr(cells, "find_recipe", counted)
    with pytest.raises(KeyboardInterrupt):
        run_cells(variants, shared, SilentDisplay())
    assert len(list((tmp_path / "table" / "cells").glob(f"*/{CELL}"))) == 2
    found = run_cells(variants, shared, SilentDisplay())
    assert len(trained) == 3 + 2  # the third was begun and goes on
    assert trained[2] == trained[3]
    assert [(one.variant.name, one.seed) for one in found] == [
        ("no cutmix", 0),
        ("random box", 0),
        ("no cutmix", 1),
        ("random box", 1),
    ]
    pictures = [set(one.scores["procedural"]["abs_rel"]) for one in found]
    assert all(one == pictures[0] for one in pictures)  # the same held-out pictures, whatever the seed
    labels = list((tmp_path / "table" / "stages").glob("labels-*"))
    assert len(labels) == 1  # one teacher, labelled once for all
    assert [one.scores for one in run_cells(variants, shared, SilentDisplay())] == [one.scores for one in found]
    assert len(trained) == 5


def test_run_cells__other_held_out_pictures_are_another_cell(tmp_path: Path) -> None:
    shared = toy_ablation(tmp_path)
    planned = VARIANTS[0].config(shared, seed=0, folder=tmp_path, stages=tmp_path)
    other = dataclasses.replace(planned, evaluate_on=("procedural",))
    assert cells._judged_by(planned) != cells._judged_by(other)


def test_run_cells__other_weights_or_pictures_at_the_same_place_are_another_cell(tmp_path: Path) -> None:
    shared = toy_ablation(tmp_path)
    planned = VARIANTS[0].config(shared, seed=0, folder=tmp_path, stages=tmp_path)
    told = [digest(cells._judged_by(planned))]
    assert digest(cells._judged_by(planned)) == told[0]
    write_weights(tmp_path / "encoder.safetensors", seed=7)
    told.append(digest(cells._judged_by(planned)))
    write_teacher(tmp_path / "teacher", seed=8)
    told.append(digest(cells._judged_by(planned)))
    write_pictures(tmp_path / "pictures", 9)
    told.append(digest(cells._judged_by(planned)))
    assert len(set(told)) == 4
