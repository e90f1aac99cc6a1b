# SPDX-License-Identifier: Apache-2.0
"""Relative protocols: exact after the fit, three conventions apart where they differ, negative disparities never inliers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Sample
from leadline.evaluation.catalog import changed
from leadline.evaluation.crops import FULL
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from leadline.evaluation.protocol import Case, Protocol
from leadline.evaluation.protocols.relative import (
    DIODE_RELATIVE,
    ETH3D_RELATIVE,
    KITTI_RELATIVE,
    NYU_RELATIVE,
    SINTEL_RELATIVE,
)
from leadline.evaluation.scoring import judged, score_depth, score_judged, scored_pixels
from leadline.geometry.alignment import Alignment, fit_scale_shift
from tests.evaluation.toys import ToyPredictor, ToyScenes

PLAIN = replace(NYU_RELATIVE, crop=FULL)
CONVENTIONS = ("depth", "depth_gtmax", "disp")


def truth(depth_m: torch.Tensor) -> Sample:
    return Sample(key="one", dataset="toy", image=torch.zeros(3, *depth_m.shape), depth=depth_m, valid=depth_m.isfinite())


def disparity(values: torch.Tensor) -> DepthMap:
    return DepthMap(
        values=values.float().numpy(), valid=np.ones(tuple(values.shape), np.bool_), kind=DepthKind.AFFINE_DISPARITY
    )


def scored(depth_m: torch.Tensor, values: torch.Tensor, convention: str, protocol: Protocol = PLAIN) -> dict[str, float]:
    case = Case(sample=truth(depth_m), prediction=disparity(values))
    return dict(score_depth(case, changed(protocol, convention=convention)).metrics)


@pytest.mark.parametrize(
    ("protocol", "crop", "far_m"),
    [
        (NYU_RELATIVE, "eigen", 10.0),
        (KITTI_RELATIVE, "garg", 80.0),
        (SINTEL_RELATIVE, "full", 72.0),
        (ETH3D_RELATIVE, "full", 200.0),
        (DIODE_RELATIVE, "full", 150.0),
    ],
)
def test_relative__says_crop_cap_fit_and_convention(protocol: Protocol, crop: str, far_m: float) -> None:
    assert (protocol.crop.name, protocol.range_m) == (crop, (1e-3, far_m))
    assert (protocol.alignment, protocol.convention, protocol.tta) == (Alignment.SCALE_SHIFT_DISPARITY, "depth", "none")


def test_kitti__scores_garg_pixels_only() -> None:
    depth_m = torch.full((375, 1242), 10.0)
    assert int(scored_pixels(truth(depth_m), KITTI_RELATIVE)[1].sum()) == (371 - 153) * (1197 - 44)


def test_fit__recovers_scale_and_shift_of_noise_free_disparity() -> None:
    inverse = torch.rand(1, 8, 9, dtype=torch.float64) + 0.1
    scale, shift = fit_scale_shift(predicted=(inverse - 0.25) / 3.0, target=inverse, valid=inverse > 0)
    assert scale.item() == pytest.approx(3.0)
    assert shift.item() == pytest.approx(0.25)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_relative__an_affine_change_of_true_disparity_is_perfect(convention: str) -> None:
    depth_m = 1.0 + 8.0 * torch.rand(20, 20, generator=torch.Generator().manual_seed(0))
    metrics = scored(depth_m, 40.0 / depth_m + 3.0, convention)
    assert metrics["delta1"] == 1.0
    assert metrics["abs_rel"] < 1e-5


def test_conventions__delta_is_one_where_nothing_is_clipped_and_relative_errors_are_not() -> None:
    generator = torch.Generator().manual_seed(1)
    depth_m = 1.0 + 4.0 * torch.rand(20, 20, generator=generator)
    values = 1.0 / depth_m + 0.1 * torch.rand(20, 20, generator=generator)
    depth, gtmax, disp = (scored(depth_m, values, convention) for convention in CONVENTIONS)
    assert 0.3 < depth["delta1"] < 1.0
    assert depth["delta1"] == disp["delta1"]
    assert depth["silog"] == pytest.approx(disp["silog"], rel=1e-4)
    assert abs(depth["abs_rel"] - disp["abs_rel"]) > 1e-4
    assert gtmax["abs_rel"] <= depth["abs_rel"]


def mostly_right() -> tuple[torch.Tensor, torch.Tensor]:
    """A thousand exact pixels at 1 m and 2 m, and one at 5 m whose disparity is -0.5 after the fit, or nearly."""
    depth_m = torch.ones(1, 2001)
    depth_m[0, 1000:2000], depth_m[0, 2000] = 2.0, 5.0
    values = 1.0 / depth_m
    values[0, 2000] = -0.5
    return depth_m, values


@pytest.mark.parametrize(("convention", "expected_m"), [("depth", 10.0), ("depth_gtmax", 5.0), ("disp", 1e6)])
def test_conventions__negative_disparity_becomes_the_conventions_far_end(convention: str, expected_m: float) -> None:
    depth_m, values = mostly_right()
    compared = judged(Case(sample=truth(depth_m), prediction=disparity(values)), changed(PLAIN, convention=convention))
    assert float(compared.predicted_m[0, 2000]) == pytest.approx(expected_m)
    assert not compared.missing.any()


def test_conventions__negative_disparity_is_no_inlier_of_what_is_not_at_the_far_end() -> None:
    depth_m, values = mostly_right()
    for convention in ("depth", "disp"):
        assert scored(depth_m, values, convention)["delta1"] == pytest.approx(2000 / 2001, abs=1e-9)
    farthest_m = depth_m.clone()
    farthest_m[0, 2000] = 9.9
    assert scored(farthest_m, values, "disp")["delta1"] == pytest.approx(2000 / 2001, abs=1e-9)
    # compared in disparity a pixel that is infinitely far is wrong by the whole of its disparity, and no more
    assert scored(depth_m, values, "disp")["abs_rel"] < 2 / 2001 + 0.01


def test_alignment__negative_depth_is_no_inlier_either() -> None:
    depth_m, _ = mostly_right()
    predicted = depth_m.clone()
    predicted[0, 2000] = -9.0
    case = Case(sample=truth(depth_m), prediction=replace(disparity(predicted), kind=DepthKind.AFFINE_DEPTH))
    compared = judged(case, replace(PLAIN, alignment=Alignment.SCALE_SHIFT_DEPTH))
    assert float(compared.predicted_m[0, 2000]) == pytest.approx(1e-3)
    assert score_judged(compared).metrics["delta1"] == pytest.approx(2000 / 2001, abs=1e-9)


def test_conventions__pixels_without_a_number_are_never_inliers() -> None:
    depth_m, values = mostly_right()
    values[0, 500] = torch.nan
    for convention in CONVENTIONS:
        case = Case(sample=truth(depth_m), prediction=disparity(values))
        score = score_depth(case, changed(PLAIN, convention=convention))
        assert score.missing_pixels == 1
        assert score.metrics["delta1"] <= 2000 / 2001
        assert score.metrics["abs_rel"] < 0.02


def test_relative__empty_truth_is_skipped_and_named() -> None:
    scenes = ToyScenes(count=3, empty=frozenset({1}))
    predictor = ToyPredictor(change=lambda z: 1 / z, kind=DepthKind.AFFINE_DISPARITY)
    result = evaluate(predictor, scenes, SINTEL_RELATIVE, settings=EvaluationSettings(resamples=10))
    assert result.images == 2
    assert [one.key for one in result.skipped] == ["scene/001.png"]


@pytest.mark.parametrize("kind", [DepthKind.METRIC, DepthKind.SCALE_INVARIANT, DepthKind.STEREO_DISPARITY])
def test_relative__stronger_claims_may_be_judged_and_affine_depth_may_not(kind: DepthKind) -> None:
    change = (lambda z: 1 / z) if kind.near_is_large else (lambda z: z)
    settings = EvaluationSettings(resamples=10)
    result = evaluate(ToyPredictor(change=change, kind=kind), ToyScenes(count=1), SINTEL_RELATIVE, settings=settings)
    assert result.metrics["abs_rel"] < 1e-5
    with pytest.raises(ContractError, match="affine_depth"):
        evaluate(ToyPredictor(kind=DepthKind.AFFINE_DEPTH), ToyScenes(count=1), SINTEL_RELATIVE, settings=settings)


def test_relative__boundaries_of_the_aligned_map_are_measured_on_request() -> None:
    predictor = ToyPredictor(change=lambda z: 7 / z + 2, kind=DepthKind.AFFINE_DISPARITY)
    scenes, settings = ToyScenes(count=1, height=60, width=60), EvaluationSettings(resamples=10)
    result = evaluate(predictor, scenes, replace(SINTEL_RELATIVE, boundary=True), settings=settings)
    assert result.metrics["boundary_f1"] == pytest.approx(1.0)
    assert "boundary_f1" not in evaluate(predictor, scenes, SINTEL_RELATIVE, settings=settings).metrics
