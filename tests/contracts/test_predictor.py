# SPDX-License-Identifier: Apache-2.0
"""The promise of every predictor, kept by those with a network and those without."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch

from leadline.contracts.predictor import Predicts
from leadline.evaluation.baselines import NaiveGuess
from leadline.inference.predictor import Predictor
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel


def naive_guess() -> Predicts:
    return NaiveGuess(name="constant", guess_m=torch.full((1, 1), 2.0))


def network() -> Predicts:
    return Predictor(DepthModel(DepthModelConfig(encoder="dinov2-toy")), device="cpu", input_size=28)


@pytest.mark.parametrize("build", [naive_guess, network])
def test_predicts__gives_a_map_of_each_pictures_size_and_describes_itself_in_json(build: Callable[[], Predicts]) -> None:
    predictor, sizes = build(), [(20, 30), (41, 33)]
    maps = predictor.predict_batch([np.zeros((*size, 3), np.uint8) for size in sizes])
    assert [one.values.shape for one in maps] == sizes
    assert {one.kind for one in maps} == {predictor.kind}
    assert json.loads(json.dumps(dict(predictor.description)))
