# SPDX-License-Identifier: Apache-2.0
"""The loop: perfect predictions, mirrored averages, policies for the unreadable, refusals, and recorded settings."""

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, DataError
from leadline.contracts.sample import Field
from leadline.evaluation.catalog import changed, find_protocol
from leadline.evaluation.evaluate import EvaluationSettings, evaluate, predict
from leadline.evaluation.results import as_json
from leadline.geometry.alignment import Alignment
from leadline.rasters.images import picture_from_tensor
from tests.evaluation.toys import ToyPredictor, ToyScenes

DEPTH = find_protocol("depth")
FAST = EvaluationSettings(resamples=20, batch_size=4)


def test_evaluate__a_perfect_prediction_is_perfect() -> None:
    seen: list[tuple[int, int]] = []
    result = evaluate(ToyPredictor(), ToyScenes(), DEPTH, settings=FAST, on_progress=lambda *done: seen.append(done))
    assert (result.images, result.skipped, result.missing_pixels) == (6, (), {})
    assert seen == [(4, 6), (6, 6)]
    for name, value in result.metrics.items():
        assert value == pytest.approx(1.0 if name.startswith("delta") else 0.0, abs=1e-6), name


def test_evaluate__means_are_over_images() -> None:
    result = evaluate(ToyPredictor(change=lambda z: z + 1), ToyScenes(), DEPTH, settings=FAST)
    assert result.metrics["abs_rel"] == pytest.approx(np.mean([row.metrics["abs_rel"] for row in result.rows]))
    assert result.metrics["rmse"] == pytest.approx(1.0)
    low, high = result.intervals["abs_rel"]
    assert low < result.metrics["abs_rel"] < high


def test_evaluate__batches_change_nothing() -> None:
    one, all_ = (
        evaluate(ToyPredictor(change=lambda z: z**1.1), ToyScenes(), DEPTH, settings=replace(FAST, batch_size=size))
        for size in (1, 100)
    )
    assert one == all_


def test_evaluate__unreadable_images_stop_or_are_named() -> None:
    scenes = ToyScenes(unreadable=frozenset({1, 4}))
    with pytest.raises(DataError, match=r"scene/001\.png of zero bytes"):
        evaluate(ToyPredictor(), scenes, DEPTH, settings=FAST)
    result = evaluate(ToyPredictor(), scenes, DEPTH, settings=replace(FAST, on_unreadable="skip"))
    assert [one.key for one in result.skipped] == ["scene/001.png", "scene/004.png"]
    assert "zero bytes" in result.skipped[0].reason
    assert [row.key for row in result.rows] == ["scene/000.png", "scene/002.png", "scene/003.png", "scene/005.png"]
    assert as_json(result)["skipped"] == 2


def test_evaluate__images_without_truth_are_left_out_and_named_under_any_policy() -> None:
    result = evaluate(ToyPredictor(), ToyScenes(empty=frozenset({2})), DEPTH, settings=FAST)
    assert [one.key for one in result.skipped] == ["scene/002.png"]
    assert result.images == 5


def test_evaluate__nothing_to_score_is_an_error_that_says_why(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DataError, match=r"none of 2, for the reasons above, the first being scene/000\.png; check"):
        evaluate(ToyPredictor(), ToyScenes(count=2, empty=frozenset({0, 1})), DEPTH, settings=FAST)
    assert "scene/000.png: expected at least 10 pixels" in caplog.text


def test_evaluate__a_relative_model_needs_a_declared_alignment() -> None:
    relative = ToyPredictor(change=lambda z: 3 / z + 1, kind=DepthKind.AFFINE_DISPARITY)
    with pytest.raises(ContractError, match="choose --alignment for this kind: scale-shift-disparity"):
        evaluate(relative, ToyScenes(), DEPTH, settings=FAST)
    unreadable = ToyScenes(unreadable=frozenset(range(6)))
    with pytest.raises(ContractError, match="choose --alignment for this kind: scale-shift-disparity"):
        evaluate(relative, unreadable, DEPTH, settings=FAST)  # refused before the first picture is read
    aligned = changed(DEPTH, alignment="scale-shift-disparity")
    result = evaluate(relative, ToyScenes(), aligned, settings=FAST)
    assert result.metrics["abs_rel"] < 1e-4
    assert result.settings["alignment"] == Alignment.SCALE_SHIFT_DISPARITY.value
    assert result.settings["changed"] == ["alignment"]


def test_evaluate__nan_predictions_are_counted_named_and_cost(caplog: pytest.LogCaptureFixture) -> None:
    def spoiled(depth_m: torch.Tensor) -> torch.Tensor:
        return torch.where(depth_m < 2.1, torch.nan, depth_m)

    with caplog.at_level(logging.WARNING):
        result = evaluate(ToyPredictor(change=spoiled), ToyScenes(), DEPTH, settings=FAST)
    assert set(result.missing_pixels) == {"scene/000.png", "scene/003.png"}
    assert "no usable number for scored pixels of 2 images (scene/000.png:" in caplog.text
    assert result.metrics["abs_rel"] > 0


@pytest.mark.parametrize("alignment", ["none", "median", "scale", "scale-shift-depth", "scale-shift-disparity"])
def test_evaluate__one_silent_image_neither_ends_the_run_nor_improves_the_mean(
    alignment: str, caplog: pytest.LogCaptureFixture
) -> None:
    def silent_on_one(depth_m: torch.Tensor) -> torch.Tensor:
        return torch.full_like(depth_m, torch.nan) if depth_m[0, 0] == 4.0 else depth_m  # scenes 2 and 5 start at 4 m

    protocol = changed(DEPTH, alignment=alignment)
    with caplog.at_level(logging.WARNING):
        result = evaluate(ToyPredictor(change=silent_on_one), ToyScenes(count=4), protocol, settings=FAST)
    truth = ToyScenes()[2].valid
    assert truth is not None
    assert (result.images, result.skipped) == (4, ())
    assert result.missing_pixels == {"scene/002.png": int(truth.sum())}
    assert as_json(result)["missing_prediction_pixels"] == result.missing_pixels
    assert "no usable number for scored pixels of 1 images (scene/002.png:" in caplog.text
    assert result.metrics["delta1"] == pytest.approx(0.75)


def test_evaluate__flip_averages_the_mirrored_prediction() -> None:
    uneven = ToyPredictor(change=lambda z: z + torch.linspace(0, 1, z.shape[-1]))
    flip = replace(DEPTH, tta="flip")
    (straight,) = predict(uneven, [ToyScenes()[1]], DEPTH)
    (averaged,) = predict(uneven, [ToyScenes()[1]], flip)
    truth = ToyPredictor().predict_batch([picture_from_tensor(ToyScenes()[1].image)])[0].values
    np.testing.assert_allclose(straight.values - truth, np.linspace(0, 1, 32)[None].repeat(24, 0), atol=1e-5)
    np.testing.assert_allclose(averaged.values - truth, 0.5, atol=1e-5)
    assert evaluate(uneven, ToyScenes(), flip, settings=FAST).settings["tta"] == "flip"
    assert predict(uneven, [], flip) == []


def test_evaluate__small_predictions_are_resized() -> None:
    result = evaluate(ToyPredictor(factor=2), ToyScenes(), DEPTH, settings=FAST)
    assert 0 < result.metrics["abs_rel"] < 0.03


def test_evaluate__datasets_that_lack_a_field_are_refused() -> None:
    bare = ToyScenes(provides=frozenset({Field.IMAGE}))
    with pytest.raises(ContractError, match=r"provides DEPTH; got 'toy', which lacks DEPTH"):
        evaluate(ToyPredictor(), bare, DEPTH, settings=FAST)


def test_evaluate__annotated_protocols_need_annotations() -> None:
    with pytest.raises(ContractError, match=r"dataset 'ibims', whose annotations.*got 'toy'"):
        evaluate(ToyPredictor(), ToyScenes(height=480, width=640), find_protocol("ibims"), settings=FAST)


def test_evaluate__records_model_and_bootstrap() -> None:
    result = evaluate(ToyPredictor(), ToyScenes(), DEPTH, settings=FAST)
    assert result.model == {"model": "toy"}
    assert result.settings["bootstrap"] == {"resamples": 20, "seed": 0}
    assert json.dumps(as_json(result), allow_nan=False)


def test_evaluate__records_what_it_was_told_of_the_data_and_the_policy() -> None:
    data = {"root": "NYU", "split": "val", "listing": None, "options": {"use_bfx_depth": "true"}}
    told = evaluate(ToyPredictor(), ToyScenes(), DEPTH, settings=replace(FAST, data=data, on_unreadable="skip"))
    assert told.settings["data"] == data
    assert told.settings["on_unreadable"] == "skip"
    untold = evaluate(ToyPredictor(), ToyScenes(), DEPTH, settings=FAST)
    assert "data" not in untold.settings
    assert untold.settings["on_unreadable"] == "stop"
