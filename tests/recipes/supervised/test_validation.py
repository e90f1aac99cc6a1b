# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import math
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image

from leadline.contracts.errors import DataError
from leadline.evaluation.metrics import depth_metrics
from leadline.models.depth_model import DepthModel
from leadline.recipes.metric.config import MetricConfig
from leadline.recipes.relative.config import RelativeConfig
from leadline.recipes.relative.recipe import RelativeRecipe
from leadline.recipes.supervised.data import ordinal_pictures, validation_streams
from leadline.recipes.supervised.network import disparity_network
from leadline.recipes.supervised.recipe import truth
from leadline.recipes.supervised.validation import TAGS, Validation
from tests.recipes.metric.test_recipe import toy_recipe
from tests.recipes.supervised.test_data import PROCEDURAL


def validation(**changes: float) -> Validation:
    recipe = toy_recipe(max_depth=80.0, **changes).eval()
    config = PROCEDURAL.__class__(
        datasets=("procedural",), procedural_count=4, batch_size=2, num_workers=0, validation_images=3, max_depth=80.0
    )
    return Validation(recipe, config, validation_streams(config, (28, 42)))


def test_validation__means_are_per_image_and_tagged_as_the_reference_does() -> None:
    watched = validation()
    result = watched(0)
    model, expected = watched.recipe.trained, []
    with torch.inference_mode():
        for batch in watched.streams["procedural"].batches(0):
            target_m, valid = truth(batch)
            predicted_m = model(model.normalisation.apply(batch.image)).clamp(1e-3, 80.0)
            expected.append(depth_metrics(predicted_m=predicted_m, target_m=target_m, valid=valid)["abs_rel"])
    assert result.scalars["Val/ABS_REL"] == pytest.approx(float(torch.cat(expected).mean()), rel=1e-5)
    assert result.scalars["Val/procedural/ABS_REL"] == result.scalars["Val/ABS_REL"]
    assert {f"Val/{tag}" for tag in (*TAGS.values(), "Loss", "SILog", "Grad", "MetricSILog")} <= set(result.scalars)
    assert all(math.isfinite(value) for value in result.scalars.values())


def test_validation__the_best_epoch_is_chosen_by_what_was_asked() -> None:
    assert validation()(0).selection_name == "Val/Loss"
    watched = validation()
    watched.config = dataclasses.replace(watched.config, select_by="abs_rel")
    chosen = watched(0)
    assert chosen.selection_name == "Val/ABS_REL"
    assert chosen.selection == chosen.scalars["Val/ABS_REL"]


def test_validation__the_epoch_of_the_highest_delta1_is_the_lowest_selection() -> None:
    watched = validation()
    watched.config = dataclasses.replace(watched.config, select_by="delta1")
    chosen = watched(0)
    assert chosen.selection_name == "1 - Val/D1"
    assert chosen.selection == 1.0 - chosen.scalars["Val/D1"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_validation__a_prediction_that_is_no_number_spoils_every_metric_of_its_epoch(value: float) -> None:
    watched = validation()
    model = watched.recipe.trained

    def spoiled(_: object, __: object, depth_m: torch.Tensor) -> torch.Tensor:
        return depth_m.index_fill(2, torch.tensor([5]), value)

    model.register_forward_hook(spoiled)
    scalars = watched(0).scalars
    assert all(math.isnan(scalars[f"Val/{tag}"]) for tag in TAGS.values())


def test_validation__shows_pictures_of_the_first_samples() -> None:
    pictures = validation()(0).pictures
    assert list(pictures) == ["Val/Sample_0", "Val/Sample_1", "Val/Sample_2"]
    assert all(picture.ndim == 3 and picture.shape[2] == 3 for picture in pictures.values())


def test_validation__pictures_without_a_pixel_in_range_are_refused_not_scored_as_perfect() -> None:
    watched = validation()
    config = dataclasses.replace(PROCEDURAL, min_depth=500.0, max_depth=501.0)
    nothing = Validation(watched.recipe, config, validation_streams(config, (28, 42)))
    with pytest.raises(DataError, match="inside the range"):
        nothing(0)


def test_validation__da2k_is_scored_by_its_pairs(tmp_path: Path) -> None:
    (tmp_path / "images" / "indoor").mkdir(parents=True)
    Image.fromarray(np.full((56, 56, 3), 90, np.uint8)).save(tmp_path / "images" / "indoor" / "a.png")
    pair = {"point1": [40, 20], "point2": [10, 20], "closer_point": "point1"}
    (tmp_path / "annotations.json").write_text(json.dumps({"images/indoor/a.png": [pair]}))
    config = MetricConfig(datasets=("procedural", "da2k"), da2k_root=tmp_path)
    watched = validation()
    watched.pairs = ordinal_pictures(config)
    assert watched(0).scalars["Val/da2k/ACCURACY"] in {0.0, 1.0}
    assert ordinal_pictures(MetricConfig(datasets=("procedural",))) is None


@pytest.mark.parametrize("select_by", ["loss", "abs_rel"])
def test_validation__chooses_the_best_epoch_of_a_model_of_disparity_too(select_by: Literal["loss", "abs_rel"]) -> None:
    config = RelativeConfig(
        encoder="dinov2-toy",
        datasets=("procedural",),
        procedural_count=4,
        batch_size=2,
        num_workers=0,
        validation_images=3,
        select_by=select_by,
    )
    torch.manual_seed(0)
    recipe = RelativeRecipe(config, DepthModel(disparity_network(config))).eval()
    result = Validation(recipe, config, validation_streams(config, (28, 42)))(0)
    assert result.selection == result.scalars[result.selection_name]
    assert result.selection_name == {"loss": "Val/Loss", "abs_rel": "Val/ABS_REL"}[select_by]
    assert 0 < result.selection < float("inf")  # a flat random map has next to no spread, which the loss divides by


def of_disparity() -> Validation:
    """Procedural truth as disparity, its sky at 0."""
    torch.manual_seed(0)
    config = RelativeConfig(
        encoder="dinov2-toy",
        datasets=("procedural",),
        dataset_option=("procedural.space=disparity", "procedural.sky=far"),
        procedural_count=4,
        batch_size=2,
        num_workers=0,
        validation_images=3,
        max_depth=80.0,
    )
    recipe = RelativeRecipe(config, DepthModel(disparity_network(config))).eval()
    return Validation(recipe, config, validation_streams(config, (28, 42)))


def test_validation__truth_that_is_disparity_has_a_loss_but_no_metric_in_metres() -> None:
    result = of_disparity()(0)
    assert math.isfinite(result.scalars["Val/Loss"])
    assert not {f"Val/{tag}" for tag in TAGS.values()} & set(result.scalars)
    assert result.selection == result.scalars["Val/Loss"]


def test_validation__disparity_cannot_choose_an_epoch_by_a_metric_in_metres() -> None:
    watched = of_disparity()
    watched.config = dataclasses.replace(watched.config, select_by="abs_rel")
    with pytest.raises(DataError, match=r"for --select-by abs_rel.*--select-by loss"):
        watched(0)
