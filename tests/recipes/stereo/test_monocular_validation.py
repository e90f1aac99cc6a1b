# SPDX-License-Identifier: Apache-2.0
"""What held-out frames say of a recipe, with truth and without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Batch
from leadline.models.stereo.config import TrainingRig
from leadline.recipes.stereo.monocular_recipe import MonocularRecipe
from leadline.recipes.stereo.monocular_validation import FramesValidation
from tests.recipes.stereo.sequences import moving, small_model, true_sigmoid
from tests.recipes.stereo.test_validation import Held
from tests.recipes.stereo.toy import run_config


@pytest.fixture(scope="module")
def batch() -> Batch:
    return moving()


def validated(folder: Path, batch: Batch, depth: Tensor, *, select_by: str = "loss", rig: bool = False) -> FramesValidation:
    model = small_model()
    if rig:
        model.config = replace(model.config, rig=TrainingRig(baseline_m=0.2, focal_px=60, width_px=64))
    model.monocular = lambda *_: (depth, None)  # type: ignore[method-assign]
    model.scales = lambda *_: (true_sigmoid(batch),)  # type: ignore[method-assign]
    config = run_config(folder, method="monodepth2", sources="pair", select_by=select_by)
    recipe = MonocularRecipe(config, model, None).eval()
    return FramesValidation(recipe, config, {"toy": Held(batch)})  # type: ignore[dict-item]


def test_validation__fits_one_factor_where_the_scale_is_open_and_none_where_it_is_known(
    tmp_path: Path, batch: Batch
) -> None:
    assert batch.depth is not None
    doubled = 2 * batch.depth.nan_to_num(1.0)
    found = validated(tmp_path, batch, doubled)(0)
    assert found.scalars["Val/ABS_REL"] == pytest.approx(0, abs=1e-5)
    assert found.scalars["Val/D1"] == 1
    known = validated(tmp_path, batch, doubled, rig=True)(0)
    assert known.scalars["Val/ABS_REL"] == pytest.approx(1, rel=1e-4)
    assert known.scalars["Val/D1"] == 0
    assert (found.selection, found.selection_name) == (found.scalars["Val/Loss"], "Val/Loss")
    assert list(found.pictures) == ["Val/Frames_0"]


def test_validation__draws_nothing_at_random(tmp_path: Path, batch: Batch) -> None:
    assert batch.depth is not None
    validation = validated(tmp_path, batch, batch.depth.nan_to_num(1.0))
    state = torch.get_rng_state()
    first = validation(0)
    assert torch.equal(torch.get_rng_state(), state)
    assert validation(1).scalars == first.scalars


def test_validation__chooses_by_what_is_known_or_says_what_is_missing(tmp_path: Path, batch: Batch) -> None:
    assert batch.depth is not None
    depth = batch.depth.nan_to_num(1.0)
    chosen = validated(tmp_path, batch, depth, select_by="delta1")(0)
    assert (chosen.selection, chosen.selection_name) == (0.0, "1 - Val/D1")
    blind = replace(batch, depth=None, valid=None)
    recipe = validated(tmp_path, batch, depth).recipe
    config = run_config(tmp_path, method="monodepth2", sources="pair", select_by="abs_rel")
    streams = {"toy": Held(blind)}
    with pytest.raises(DataError, match="--select-by abs_rel needs; got frames without depth"):
        FramesValidation(recipe, config, streams)(0)  # type: ignore[arg-type]


def test_validation__does_not_let_nan_win(tmp_path: Path, batch: Batch) -> None:
    assert batch.depth is not None
    depth = batch.depth.nan_to_num(1.0).clone()
    depth[:, 10, 10:20] = torch.nan
    assert batch.valid is not None
    assert bool(batch.valid[:, 10, 10:20].any())
    assert validated(tmp_path, batch, depth)(0).scalars["Val/ABS_REL"] != pytest.approx(0, abs=1e-3)
