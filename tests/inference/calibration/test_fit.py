# SPDX-License-Identifier: Apache-2.0
"""A model's numbers become metres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError, DataError
from leadline.data.procedural_request import open_procedural
from leadline.data.request import DatasetRequest
from leadline.inference.calibration.fit import (
    CalibrationSettings,
    calibrate,
    with_calibration,
)
from leadline.inference.calibration.known_depths import KnownDepths
from leadline.inference.calibration.observations import Observations, observe
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.rasters.images import picture_from_tensor

PLAIN = CalibrationSettings()
A, B = 0.4, 0.05  # 1/m per unit and 1/m


def observed(
    count: int, seed: int, *, noise: float = 0.0, kind: DepthKind = DepthKind.AFFINE_DISPARITY, pictures: int = 1
) -> Observations:
    """Depths from 1 to 9 m whose predictions are exact but for a relative error of ``noise``."""
    rng = np.random.default_rng(seed)
    depth_m = rng.uniform(1.0, 9.0, count)
    said = depth_m * (1 + noise * rng.standard_normal(count))
    predicted = (1 / said - B) / A if kind is DepthKind.AFFINE_DISPARITY else said / 2.0
    picture = np.arange(count, dtype=np.int64) % pictures
    return Observations(kind=kind, predicted=predicted, depth_m=depth_m, picture=picture, elsewhere=predicted)


@pytest.mark.parametrize("kind", [DepthKind.AFFINE_DISPARITY, DepthKind.METRIC])
def test_calibrate__is_exact_where_the_points_are(kind: DepthKind) -> None:
    seen = observed(8, 0, kind=kind)
    found = calibrate(seen, CalibrationSettings(source="a.csv")).calibration
    if kind is DepthKind.METRIC:
        assert found.space == "depth"
        assert [found.scale, found.shift] == pytest.approx([2.0, 0.0])
    else:
        assert found.space == "disparity"
        assert [found.scale, found.shift] == pytest.approx([A, B])
    np.testing.assert_allclose(found.metres(seen.predicted), seen.depth_m, rtol=1e-6)
    evidence = found.evidence
    assert (evidence.source, evidence.points, evidence.pictures) == ("a.csv", 8, 1)
    assert evidence.nearest_m == seen.depth_m.min()
    assert evidence.farthest_m == seen.depth_m.max()
    assert evidence.abs_rel is not None
    assert evidence.abs_rel < 1e-6
    assert found.max_depth_m == pytest.approx(4 * seen.depth_m.max())


def test_calibrate__metres_get_a_shift_where_it_is_asked_for() -> None:
    seen = observed(40, 1, kind=DepthKind.METRIC)
    seen = replace(seen, predicted=(seen.depth_m - 0.3) / 1.5)
    found = calibrate(seen, CalibrationSettings(with_shift=True)).calibration
    assert [found.scale, found.shift] == pytest.approx([1.5, 0.3])
    assert calibrate(seen, PLAIN).calibration.shift == 0.0


def test_calibrate__a_tenth_of_wrong_points_does_not_spoil_it() -> None:
    seen = observed(60, 2, noise=0.01)
    wrong = seen.depth_m.copy()
    wrong[::10] *= 3.0
    found = calibrate(replace(seen, depth_m=wrong), PLAIN).calibration
    said = found.metres(seen.predicted)
    assert np.abs(said / seen.depth_m - 1).mean() < 0.02


def test_calibrate__standard_errors_say_how_far_other_points_would_lead() -> None:
    found = [calibrate(observed(30, seed, noise=0.05), PLAIN).calibration for seed in range(10)]
    for name, error in (("scale", "scale_error"), ("shift", "shift_error")):
        seen = np.std([getattr(one, name) for one in found])
        told = np.sqrt(np.mean([getattr(one.evidence, error) ** 2 for one in found]))
        assert 0.5 * seen < told < 2.0 * seen  # of ten; tests/geometry/test_robust_fit.py asks two hundred
    spread = np.mean([one.evidence.relative_spread for one in found])
    assert spread == pytest.approx(0.05, rel=0.15)


def test_calibrate__expected_errors_are_those_of_new_predictions() -> None:
    told, seen = [], []
    for seed in range(8):
        found = calibrate(observed(20, seed, noise=0.05), PLAIN).calibration
        fresh = observed(2000, 1000 + seed, noise=0.05)
        near = fresh.depth_m < 1.4
        error = found.metres(fresh.predicted) / fresh.depth_m - 1
        seen.append(np.sqrt(np.mean(error[near] ** 2)))
        told.append(found.evidence.relative_error_near or 0.0)
    assert np.mean(told) == pytest.approx(np.mean(seen), rel=0.4)


def test_calibrate__leaves_whole_pictures_out_where_there_are_several() -> None:
    """Each picture has a scale of its own: points of one picture foretell each other, other pictures' do not."""
    seen = observed(120, 3, pictures=6)
    factors = np.array([0.7, 0.8, 0.9, 1.1, 1.2, 1.3])
    seen = replace(seen, predicted=(1 / (seen.depth_m * factors[seen.picture]) - B) / A)
    evidence = calibrate(seen, PLAIN).calibration.evidence
    assert (evidence.held_out_by, evidence.errors_by, evidence.pictures) == ("picture", "picture", 6)
    assert evidence.abs_rel is not None
    assert 0.15 < evidence.abs_rel < 0.4
    by_point = calibrate(replace(seen, picture=np.zeros_like(seen.picture)), PLAIN).calibration.evidence
    assert (by_point.held_out_by, by_point.errors_by) == ("point", "point")
    assert evidence.scale_error is not None
    assert by_point.scale_error is not None
    assert evidence.scale_error > by_point.scale_error


def test_calibrate__refuses_too_few_points() -> None:
    with pytest.raises(DataError, match="at least 3 known depths"):
        calibrate(observed(2, 0), PLAIN)
    with pytest.raises(DataError, match="at least 2 known depths"):
        calibrate(observed(1, 0, kind=DepthKind.METRIC), PLAIN)
    calibrate(observed(2, 0, kind=DepthKind.METRIC), PLAIN)


def test_calibrate__refuses_points_at_one_depth_and_constant_predictions() -> None:
    seen = observed(10, 0)
    with pytest.raises(DataError, match=r"differ by at least 10%.*10 points from 3 to 3 m"):
        calibrate(replace(seen, depth_m=np.full(10, 3.0)), PLAIN)
    with pytest.raises(DataError, match="at every point"):
        calibrate(replace(seen, predicted=np.full(10, 0.7)), PLAIN)
    metric = observed(10, 0, kind=DepthKind.METRIC)
    with pytest.raises(DataError, match="above 0"):
        calibrate(replace(metric, predicted=np.zeros(10)), PLAIN)


def test_calibrate__refuses_predictions_that_run_the_other_way() -> None:
    seen = observed(10, 0)
    with pytest.raises(DataError, match="where the points say nearer, the model says farther"):
        calibrate(replace(seen, predicted=-seen.predicted), PLAIN)


def test_calibrate__refuses_stereo_disparity() -> None:
    with pytest.raises(ContractError, match="stereo"):
        calibrate(replace(observed(10, 0), kind=DepthKind.STEREO_DISPARITY), PLAIN)


def test_calibrate__warns_where_disparity_would_be_zero_or_less() -> None:
    seen = observed(20, 4)
    seen = replace(seen, elsewhere=np.concatenate([seen.predicted] * 4 + [np.full(20, -B / A - 0.1)]))
    found = calibrate(seen, PLAIN)
    assert any("disparity is 0 or less at 16.7%" in sentence for sentence in found.warnings)
    assert found.calibration.scale * seen.elsewhere.min() + found.calibration.shift < 0
    assert found.calibration.metres(seen.elsewhere[-1:])[0] == pytest.approx(found.calibration.max_depth_m)
    capped = calibrate(seen, CalibrationSettings(max_depth_m=50.0)).calibration
    assert capped.metres(seen.elsewhere[-1:])[0] == pytest.approx(50.0)


def test_calibrate__warns_of_one_picture_and_of_an_unsure_scale() -> None:
    seen = observed(5, 5)
    seen = replace(seen, predicted=seen.predicted * [1.0, 1.8, 0.7, 1.5, 0.6])
    warnings = calibrate(seen, PLAIN).warnings
    assert any("of one picture" in sentence for sentence in warnings)
    assert any("the scale is known to" in sentence for sentence in warnings)
    quiet = calibrate(observed(200, 6, noise=0.01, pictures=10), PLAIN).warnings
    assert quiet == ()


def test_calibrate__warns_where_the_shift_leaves_no_depth() -> None:
    seen = observed(40, 1, kind=DepthKind.METRIC)
    seen = replace(seen, predicted=(seen.depth_m + 0.3) / 1.5)
    assert any("become invalid" in s for s in calibrate(seen, CalibrationSettings(with_shift=True)).warnings)


class Distorted:
    """Knows the truth of procedural scenes and says an affine disparity of it: 2.5 / z - 0.1, with a grain of 1 %."""

    description: Mapping[str, object] = {"model": "distorted"}
    kind = DepthKind.AFFINE_DISPARITY

    def __init__(self, truths: dict[bytes, NDArray[np.float32]]) -> None:
        self.truths = truths

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        maps = []
        for picture in pictures:
            truth = self.truths[picture.tobytes()]
            grain = 1 + 0.01 * np.random.default_rng(0).standard_normal(truth.shape)
            values = (2.5 / (truth * grain) - 0.1).astype(np.float32)
            maps.append(DepthMap(values=values, valid=np.isfinite(values), kind=DepthKind.AFFINE_DISPARITY))
        return maps


def test_calibrate__undoes_a_known_distortion_of_procedural_scenes() -> None:
    scenes = open_procedural(DatasetRequest(options={"count": 4, "height": 48, "width": 64}))
    truths, known = {}, []
    rng = np.random.default_rng(0)
    for index in range(len(scenes)):
        sample = scenes[index]
        assert sample.depth is not None
        assert sample.valid is not None
        depth_m, valid = sample.depth.numpy(), sample.valid.numpy()
        picture = picture_from_tensor(sample.image)
        truths[picture.tobytes()] = np.where(valid, depth_m, np.nan)
        rows, columns = np.nonzero(valid)
        drawn = rng.permutation(len(rows))[:5]
        rows, columns = rows[drawn], columns[drawn]
        known.append(
            KnownDepths(
                key=sample.key,
                read=lambda picture=picture: picture,  # type: ignore[misc]
                x_px=(columns + 0.5).astype(np.float64),
                y_px=(rows + 0.5).astype(np.float64),
                depth_m=depth_m[rows, columns].astype(np.float64),
            )
        )
    seen = observe(Distorted(truths), known)
    found = calibrate(seen, PLAIN).calibration
    # 1/z = (x + 0.1) / 2.5
    assert found.scale == pytest.approx(0.4, rel=0.03)
    assert found.shift == pytest.approx(0.04, abs=0.01)
    assert found.evidence.abs_rel is not None
    assert found.evidence.abs_rel < 0.03


def test_with_calibration__shares_the_tensors_and_leaves_the_model_as_it_is() -> None:
    torch.manual_seed(0)
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy")).eval()
    found = calibrate(observed(20, 0), PLAIN).calibration
    other = with_calibration(model, found)
    assert model.config.calibration is None
    assert (model.kind, other.kind) == (DepthKind.AFFINE_DISPARITY, DepthKind.METRIC)
    image = torch.randn(1, 3, 28, 42)
    with torch.inference_mode():
        expected = found.metres(model(image).double().numpy())
        np.testing.assert_allclose(other(image).numpy(), expected, rtol=1e-5)
        assert torch.equal(with_calibration(other, None)(image), model(image))
    assert other.state_dict().keys() == model.state_dict().keys()
