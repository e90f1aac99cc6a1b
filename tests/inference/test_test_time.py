# SPDX-License-Identifier: Apache-2.0
"""Several looks at one picture."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.inference.predictor import Predictor
from leadline.inference.test_time import AveragedPredictor, Look, with_test_time
from leadline.inference.tiles.tiled import TiledPredictor, TileSettings
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import MetricBinsHeadConfig
from tests.inference.stand_ins import FormulaPredictor, noise, red

PICTURE = noise(30, 47)
SLOPE = np.linspace(0, 10, 47)


def sided(picture: NDArray[np.uint8]) -> NDArray[np.floating]:
    """The red channel, and an error that grows to the right of whatever it sees."""
    return red(picture) + SLOPE


class Scaled(FormulaPredictor):
    """At every size the truth in other units, as ``units`` says."""

    units: tuple[float, float] = (2.0, -30.0)

    def resized(self, input_size: int) -> FormulaPredictor:
        scale, shift = self.units
        other = FormulaPredictor(lambda x: self.formula(x) * scale + shift, self.kind, input_size=input_size)
        other.confidence = self.confidence
        return other


def test_with_test_time__none_is_the_predictor_itself() -> None:
    predictor = FormulaPredictor(red)
    assert with_test_time(predictor, "none") is predictor


def test_with_test_time__flip_averages_with_the_mirrored_map_of_the_mirrored_picture() -> None:
    depth = with_test_time(FormulaPredictor(sided, DepthKind.METRIC), "flip").predict_batch([PICTURE, PICTURE[:, ::-1]])
    np.testing.assert_allclose(depth[0].values, red(PICTURE) + 5.0, rtol=1e-5)
    np.testing.assert_allclose(depth[1].values, depth[0].values[:, ::-1], rtol=1e-5)
    assert depth[0].kind is DepthKind.METRIC


@pytest.mark.parametrize(("choice", "looks"), [("flip", 2), ("multiscale", 3), ("flip+multiscale", 6)])
def test_with_test_time__looks_as_often_as_it_says(choice: str, looks: int) -> None:
    averaged = with_test_time(Scaled(red, input_size=56), choice)  # type: ignore[arg-type]
    assert isinstance(averaged, AveragedPredictor)
    assert len(averaged._looks) == looks
    sizes = [56, 42, 70] if "multi" in choice else [56]
    said = json.loads(json.dumps(averaged.description))["test_time"]
    assert said == {"choice": choice, "input_sizes": sizes}
    assert averaged.preprocessing.input_size == max(sizes)


@pytest.mark.parametrize("kind", [DepthKind.AFFINE_DISPARITY, DepthKind.AFFINE_DEPTH])
def test_averaged__fits_affine_looks_to_the_first_before_it_averages(kind: DepthKind) -> None:
    depth = with_test_time(Scaled(red, kind, input_size=56), "multiscale").predict_batch([PICTURE])[0]
    np.testing.assert_allclose(depth.values, red(PICTURE), atol=1e-3)
    assert depth.notes["looks_left_out"] == 0


def test_averaged__fits_scale_invariant_looks_by_a_factor_and_metres_not_at_all() -> None:
    free = Scaled(red, DepthKind.SCALE_INVARIANT, input_size=56)
    free.units = (3.0, 0.0)
    np.testing.assert_allclose(
        with_test_time(free, "multiscale").predict_batch([PICTURE])[0].values, red(PICTURE), rtol=1e-5
    )
    metres = Scaled(red, DepthKind.METRIC, input_size=56)
    metres.units = (4.0, 0.0)
    depth = with_test_time(metres, "multiscale").predict_batch([PICTURE])[0]
    np.testing.assert_allclose(depth.values, red(PICTURE) * 3.0, rtol=1e-5)  # (1 + 4 + 4) / 3


def test_averaged__leaves_out_a_look_that_contradicts_the_first() -> None:
    upside_down = Scaled(red, input_size=56)
    upside_down.units = (-1.0, 255.0)
    depth = with_test_time(upside_down, "multiscale").predict_batch([PICTURE])[0]
    np.testing.assert_allclose(depth.values, red(PICTURE), atol=1e-4)
    assert depth.notes["looks_left_out"] == 2


def test_averaged__is_valid_where_all_looks_are_and_reads_nothing_else() -> None:
    def holed(picture: NDArray[np.uint8]) -> NDArray[np.floating]:
        values = red(picture)
        values[:, :5] = np.nan
        return values

    depth = with_test_time(FormulaPredictor(holed), "flip").predict_batch([PICTURE])[0]
    assert depth.valid.sum(axis=1).tolist() == [37] * 30
    np.testing.assert_allclose(depth.values[depth.valid], red(PICTURE)[depth.valid], atol=1e-3)


def test_averaged__confidence_is_the_mean_and_survives_tiles() -> None:
    predictor = Scaled(red, input_size=56, confidence=lambda x: np.broadcast_to(np.linspace(0, 1, x.shape[1]), x.shape[:2]))
    averaged = with_test_time(predictor, "flip+multiscale")
    depth = averaged.predict_batch([PICTURE])[0]
    assert depth.confidence is not None
    np.testing.assert_allclose(depth.confidence, 0.5, atol=1e-6)
    tiled = TiledPredictor(averaged, TileSettings(side_px=32)).predict_batch([noise(60, 90)])[0]
    assert tiled.confidence is not None
    np.testing.assert_allclose(tiled.confidence, 0.5, atol=1e-6)


def test_averaged__changes_no_map_that_a_predictor_keeps() -> None:
    kept = FormulaPredictor(red).predict_batch([PICTURE])[0]

    class Keeps(FormulaPredictor):
        def predict_batch(self, pictures, /):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG002
            return [replace(kept)]

    keeps = Keeps(red)
    AveragedPredictor([Look(predictor=keeps, mirrored=False)] * 2, "flip").predict_batch([PICTURE])
    np.testing.assert_array_equal(kept.values, red(PICTURE))


def test_with_test_time__refuses_other_sizes_of_a_network_of_one_size_and_unknown_choices() -> None:
    with pytest.raises(UsageError, match="any size for multiscale"):
        with_test_time(FormulaPredictor(red), "flip+multiscale")
    with pytest.raises(UsageError, match="got 'rotate'"):
        with_test_time(FormulaPredictor(red), "rotate")  # type: ignore[arg-type]


def test_with_test_time__takes_a_real_predictor() -> None:
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy", head=MetricBinsHeadConfig()))
    predictor = Predictor(model, device="cpu", precision="fp32", input_size=56)
    depth = with_test_time(predictor, "flip+multiscale").predict_batch([PICTURE])[0]
    alone = [predictor.resized(side).predict(PICTURE).values for side in (56, 42, 70)]
    mirrored = [predictor.resized(side).predict(PICTURE[:, ::-1].copy()).values[:, ::-1] for side in (56, 42, 70)]
    np.testing.assert_allclose(depth.values, np.mean([*alone, *mirrored], axis=0), rtol=1e-5)
    assert depth.confidence is not None
    assert depth.confidence.max() <= 1.0
