# SPDX-License-Identifier: Apache-2.0
"""Naive guesses: they are the median and the mean map of the training truth, and answer every picture alike."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, DataError
from leadline.contracts.sample import Sample
from leadline.evaluation.baselines import GRID, VerticalRamp, naive_guesses
from leadline.evaluation.catalog import find_protocol
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from tests.evaluation.toys import ToyScenes


def sample(depth_m: torch.Tensor) -> Sample:
    return Sample(key="one", dataset="toy", image=torch.zeros(3, *depth_m.shape), depth=depth_m, valid=depth_m.isfinite())


def test_constant__is_the_median_of_valid_metres() -> None:
    depth_m = torch.tensor([[1.0, 2.0, 3.0, 50.0, torch.nan]]).repeat(40, 20)
    constant, _ = naive_guesses([sample(depth_m)])
    assert constant.guess_m.item() == pytest.approx(2.0, abs=1.0)
    assert constant.guess_m.item() in (2.0, 3.0)


def test_constant__lets_every_image_speak_equally() -> None:
    large, small = torch.full((400, 400), 9.0), torch.full((20, 20), 1.0)
    constant, _ = naive_guesses([sample(large), sample(small), sample(small)])
    assert constant.guess_m.item() == 1.0


def test_mean_map__is_the_mean_per_cell_and_the_overall_mean_where_never_seen() -> None:
    first, second = torch.full((96, 128), 2.0), torch.full((96, 128), 4.0)
    second[:48] = torch.nan
    first[:, :64] = torch.nan
    _, mean_map = naive_guesses([sample(first), sample(second)])
    assert mean_map.guess_m.shape == GRID
    assert mean_map.guess_m[40, 60].item() == pytest.approx(3.0)
    assert mean_map.guess_m[10, 60].item() == pytest.approx(2.0)
    assert mean_map.guess_m[40, 10].item() == pytest.approx(4.0)
    assert mean_map.guess_m[10, 10].item() == pytest.approx(3.0)


def test_guesses__answer_at_the_pictures_size_in_metres() -> None:
    for guess in naive_guesses([ToyScenes()[0]]):
        (answer,) = guess.predict_batch([np.zeros((30, 50, 3), np.uint8)])
        assert answer.values.shape == (30, 50)
        assert answer.kind is DepthKind.METRIC
        assert answer.valid.all()
        assert guess.description["baseline"] == guess.name


def test_guesses__can_be_evaluated_and_the_map_beats_the_constant_on_toy_scenes() -> None:
    scenes, settings = ToyScenes(), EvaluationSettings(resamples=5)
    constant, mean_map = naive_guesses(scenes[i] for i in range(len(scenes)))
    errors = [
        evaluate(g, scenes, find_protocol("depth"), settings=settings).metrics["abs_rel"] for g in (constant, mean_map)
    ]
    assert 0.5 > errors[0] > errors[1] > 0.05


def test_guesses__need_a_valid_pixel() -> None:
    with pytest.raises(DataError, match="not one valid pixel"):
        naive_guesses([sample(torch.full((4, 4), torch.nan)), Sample(key="x", dataset="toy", image=torch.zeros(3, 4, 4))])


def test_guesses__read_pictures_of_more_pixels_than_float32_can_count() -> None:
    large = torch.full((4194305, 4), 3.0)  # float32 rounds the last index, 16,777,219, up to 16,777,220
    constant, _ = naive_guesses([sample(large)])
    assert constant.guess_m.item() == 3.0


def test_guesses__refuse_truth_that_is_not_in_metres() -> None:
    relative = replace(sample(torch.ones(4, 4)), kind=DepthKind.AFFINE_DISPARITY)
    with pytest.raises(ContractError, match=r"metric depth.*got one with affine_disparity"):
        naive_guesses([sample(torch.ones(4, 4)), relative])


def test_vertical_ramp__falls_evenly_from_the_far_end_to_zero_at_every_size() -> None:
    ramp = VerticalRamp(far_m=100.0)
    tall, single = ramp.predict_batch([np.zeros((5, 3, 3), np.uint8), np.zeros((1, 2, 3), np.uint8)])
    assert tall.values.tolist() == [[100.0] * 3, [75.0] * 3, [50.0] * 3, [25.0] * 3, [0.0] * 3]
    assert single.values.tolist() == [[100.0, 100.0]]
    assert tall.valid.all()
    assert (tall.kind, ramp.kind, ramp.description["baseline"]) == (DepthKind.METRIC, DepthKind.METRIC, "vertical-ramp")


def test_vertical_ramp__can_be_scored_down_to_its_last_row() -> None:
    result = evaluate(
        VerticalRamp(far_m=10.0), ToyScenes(), find_protocol("depth"), settings=EvaluationSettings(resamples=5)
    )
    assert result.missing_pixels == {}
    assert result.metrics["abs_rel"] > 0.1
