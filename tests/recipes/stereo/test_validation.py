# SPDX-License-Identifier: Apache-2.0
"""What held-out pairs say, with truth and without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Batch
from leadline.recipes.stereo.validation import StereoValidation
from tests.recipes.stereo.toy import shifted_batch, toy_recipe


class Held:
    """A stream of one batch."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def batches(self, _: int) -> list[Batch]:
        return [self.batch]


def validated(batch: Batch, *, said_px: float, **changes: Any) -> StereoValidation:
    recipe = toy_recipe(**changes).eval()
    validation = StereoValidation(recipe.trained, recipe.config, {"toy": Held(batch)})  # type: ignore[dict-item]
    recipe.trained.disparity_px = lambda logits: torch.full((len(logits), *logits.shape[2:]), said_px)  # type: ignore[method-assign]
    return validation


def test_validation__measures_pixels_and_metres_through_the_rig_of_each_pair() -> None:
    batch = shifted_batch(disparity_px=5)
    assert batch.camera is not None
    depth_m = batch.camera.matrix[0, 0, 0] * 0.2 / 5
    batch = replace(batch, depth=torch.full((2, 64, 128), float(depth_m)), valid=torch.ones(2, 64, 128, dtype=torch.bool))
    found = validated(batch, said_px=6.0)(0)
    for path in ("mono", "refined", "stereo"):
        assert found.scalars[f"Val/{path}/EPE"] == pytest.approx(1.0)
        assert found.scalars[f"Val/{path}/D1_ALL"] == 0
        assert found.scalars[f"Val/{path}/ABS_REL"] == pytest.approx(1 / 6, rel=1e-4)
        assert found.scalars[f"Val/{path}/D1"] == 1
    assert (found.selection, found.selection_name) == (found.scalars["Val/Loss"], "Val/Loss")
    assert validated(batch, said_px=9.0)(0).scalars["Val/stereo/D1_ALL"] == 100


def test_validation__without_depth_has_the_loss_alone_which_is_least_at_the_truth() -> None:
    batch = shifted_batch(disparity_px=5)
    assert batch.stereo is not None
    bare = replace(batch, camera=None, stereo=replace(batch.stereo, disparity_px=None))
    right, wrong = validated(bare, said_px=5.0)(0), validated(bare, said_px=7.0)(0)
    assert right.scalars["Val/Loss"] < 2e-3  # the windows of the structural term reach over the border of what is seen
    assert wrong.scalars["Val/Loss"] > 10 * right.scalars["Val/Loss"]
    assert not any("ABS_REL" in tag or "EPE" in tag for tag in right.scalars)
    with pytest.raises(DataError, match="--select-by epe needs; got pairs without depth"):
        validated(bare, said_px=5.0, select_by="epe")(0)


@pytest.mark.parametrize(
    ("choice", "name"),
    [("epe", "Val/stereo/EPE"), ("abs_rel", "Val/refined/ABS_REL"), ("delta1", "1 - Val/refined/D1")],
)
def test_validation__chooses_by_what_was_asked(choice: str, name: str) -> None:
    batch = shifted_batch(disparity_px=5)
    known = replace(batch, depth=torch.full((2, 64, 128), 4.0), valid=torch.ones(2, 64, 128, dtype=torch.bool))
    found = validated(known, said_px=6.0, select_by=choice)(0)
    assert found.selection_name == name


def test_validation__draws_pairs_to_look_at() -> None:
    assert set(validated(shifted_batch(), said_px=5.0)(0).pictures) == {"Val/Pair_0"}
