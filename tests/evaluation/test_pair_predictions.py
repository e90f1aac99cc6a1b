# SPDX-License-Identifier: Apache-2.0
"""A stereo network is shown whole samples: both views and the rig of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, UsageError
from leadline.contracts.sample import Field, Sample, StereoView
from leadline.data.procedural.scenes import ProceduralScenes
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from leadline.evaluation.pair_predictions import SamplePredictor, SeesSamples
from leadline.evaluation.protocols.depth import DEPTH
from leadline.evaluation.protocols.stereo import STEREO
from leadline.inference.stereo.stereo_predictor import StereoPredictor, StereoSettings
from leadline.models.stereo.config import StereoModelConfig, TrainingRig
from leadline.models.stereo.encoder_config import PyramidConfig
from tests.evaluation.toys import PairedScenes, ToyPredictor, ToyScenes
from tests.inference.stereo.formula_model import FormulaModel

RIG = frozenset({Field.IMAGE, Field.CAMERA, Field.STEREO})
FAST = EvaluationSettings(resamples=10)


def predictor(*, provides: frozenset[Field] = RIG, rig: TrainingRig | None = None, **settings: Any) -> SamplePredictor:
    model: Any = FormulaModel(StereoModelConfig(pyramid=PyramidConfig(), rig=rig))
    asked = StereoSettings(**({"mode": "mono"} | settings))
    return SamplePredictor(StereoPredictor(model, asked, device="cpu", precision="fp32"), provides)


def red_pair(level: float = 0.25, baseline_m: float = 0.5) -> Sample:
    """64 px times red is what one eye says: 16 px."""
    image = torch.zeros(3, 32, 64)
    image[0] = level
    camera = PairedScenes()[0].camera
    return Sample(
        key="red",
        dataset="toy",
        image=image,
        camera=camera,
        stereo=StereoView(image=image.flip(-1), baseline_m=torch.tensor(baseline_m)),
    )


def test_sample_predictor__tells_metres_by_the_rig_of_each_sample() -> None:
    near, far = predictor().predict_samples([red_pair(), red_pair(baseline_m=1.0)])
    assert near.kind is predictor().kind is DepthKind.METRIC
    np.testing.assert_allclose(near.values, 30 * 0.5 / 16, rtol=0.02)
    np.testing.assert_allclose(far.values, 2 * near.values)


def test_sample_predictor__of_one_eye_believes_in_the_baseline_it_learnt_from() -> None:
    trained = TrainingRig(baseline_m=0.1, focal_px=50.0, width_px=100.0)
    (known,) = predictor(rig=trained).predict_samples([red_pair()])
    np.testing.assert_allclose(known.values, 30 * 0.1 / 16, rtol=0.02)


@pytest.mark.parametrize("lacking", [Field.CAMERA, Field.STEREO])
def test_sample_predictor__uses_nothing_that_the_dataset_does_not_promise(lacking: Field) -> None:
    careful = predictor(provides=RIG - {lacking})
    (depth,) = careful.predict_samples([red_pair()])
    assert depth.kind is careful.kind is DepthKind.STEREO_DISPARITY
    np.testing.assert_allclose(depth.values, 16, rtol=0.02)


def test_sample_predictor__of_one_eye_needs_no_second_view() -> None:
    alone = replace(red_pair(), stereo=None)
    one_eye = predictor(provides=RIG - {Field.STEREO})
    assert one_eye.needs == frozenset()
    assert one_eye.predict_samples([alone])[0].values.shape == (32, 64)
    assert one_eye.predict_batch([np.zeros((32, 64, 3), np.uint8)])[0].values.shape == (32, 64)


def test_sample_predictor__leaves_maps_at_the_network_s_size_on_request() -> None:
    picture, network = (
        predictor(map_size=size, input_size=64).predict_samples([red_pair()])[0] for size in ("picture", "network")
    )
    assert picture.values.shape == (32, 64)
    assert network.values.shape == (64, 128)
    assert network.camera is None
    np.testing.assert_allclose(network.values[::2, ::2], picture.values, rtol=1e-4)
    pixels = predictor(map_size="network", input_size=64, unit="px").predict_samples([red_pair()])[0]
    np.testing.assert_allclose(pixels.values, 16, rtol=0.02)  # of the map's own 128 columns
    with pytest.raises(UsageError, match="picture, network"):
        StereoSettings(map_size="both")  # type: ignore[arg-type]


def test_sample_predictor__is_told_apart_from_predictors_of_pictures() -> None:
    assert isinstance(predictor(), SeesSamples)
    assert not isinstance(ToyPredictor(), SeesSamples)
    assert predictor(mode="stereo").needs == {Field.STEREO}
    assert predictor(mode="stereo", post_processing="flip").description["post_processing"] == "flip"


def test_evaluate__gives_a_network_of_two_eyes_both_views() -> None:
    scenes = ProceduralScenes(count=2, seed=5, height=64, width=96, stereo=True, baseline_m=0.2)
    two = evaluate(predictor(mode="stereo", map_size="network"), scenes, STEREO, settings=FAST)
    one = evaluate(predictor(mode="mono", map_size="network"), scenes, STEREO, settings=FAST)
    assert two.model["mode"] == "stereo"
    assert two.metrics["epe_px_noc"] < 0.5 * one.metrics["epe_px_noc"]
    assert two.metrics["abs_rel"] < one.metrics["abs_rel"]
    assert two.missing_pixels == {}


def test_evaluate__refuses_single_pictures_for_two_eyes_and_test_time_augmentation() -> None:
    with pytest.raises(ContractError, match=r"two eyes; got 'toy', which has none; .*--mode refined"):
        evaluate(predictor(mode="stereo"), ToyScenes(), DEPTH, settings=FAST)
    with pytest.raises(ContractError, match="--post-processing flip"):
        evaluate(predictor(), PairedScenes(), replace(DEPTH, tta="flip"), settings=FAST)
