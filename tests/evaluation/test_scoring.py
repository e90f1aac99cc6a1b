# SPDX-License-Identifier: Apache-2.0
"""Scoring one image: ZoeDepth's numbers through resize, clamp and crop; masks; repairs that never reward silence."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Sample
from leadline.evaluation.crops import EIGEN, FULL, GARG, KITTI_EIGEN, Crop
from leadline.evaluation.protocol import Case, UnscorableError
from leadline.evaluation.protocols.depth import DEPTH
from leadline.evaluation.scoring import judged, resized, score_depth, scored_pixels
from leadline.geometry.alignment import Alignment
from tests.evaluation.toys import PairedScenes, ToyScenes, scene_depth_m
from tests.shared_paths import shared

ZOE_ORDER = ("delta1", "delta2", "delta3", "abs_rel", "rmse", "log10", "rmse_log", "silog", "sq_rel")
STRICT = replace(DEPTH, inclusive=False, minimum_valid_pixels=1)


def metric(values: torch.Tensor) -> DepthMap:
    return DepthMap(values=values.float().numpy(), valid=np.ones(tuple(values.shape), np.bool_), kind=DepthKind.METRIC)


def truth(depth_m: torch.Tensor) -> Sample:
    return Sample(key="one", dataset="toy", image=torch.zeros(3, *depth_m.shape), depth=depth_m, valid=depth_m.isfinite())


@pytest.mark.parametrize(
    ("name", "size", "predicted_size", "seed", "ends", "crop", "range_m"),
    [
        ("nyu_eigen_480x640", (480, 640), (240, 320), 9112, (-0.5, 11), EIGEN, (1e-3, 10.0)),
        ("garg_352x1216", (352, 1216), (352, 1216), 9113, (-5, 90), GARG, (1e-3, 80.0)),
        ("kitti_eigen_375x1242", (375, 1242), (188, 621), 9114, (-5, 90), KITTI_EIGEN, (1e-3, 80.0)),
    ],
)
def test_score__equals_zoedepth(
    name: str,
    size: tuple[int, int],
    predicted_size: tuple[int, int],
    seed: int,
    ends: tuple[float, float],
    crop: Crop,
    range_m: tuple[float, float],
) -> None:
    generator = np.random.default_rng(seed)
    gt = generator.uniform(*ends, size).astype(np.float32)
    cells = generator.uniform(*ends, (-(-predicted_size[0] // 8), -(-predicted_size[1] // 8)))
    predicted = cells.repeat(8, axis=0).repeat(8, axis=1)[: predicted_size[0], : predicted_size[1]].astype(np.float32)
    case = Case(sample=truth(torch.from_numpy(gt)), prediction=metric(torch.from_numpy(predicted)))
    found = score_depth(case, replace(STRICT, crop=crop, range_m=range_m)).metrics
    with np.load(shared("fixtures/zoe_losses_metrics.npz"), allow_pickle=False) as arrays:
        expected = arrays[f"zoe_metrics.{name}"]
    np.testing.assert_allclose([found[n] for n in ZOE_ORDER[:3]], expected[:3], atol=2e-5, rtol=0)
    np.testing.assert_allclose([found[n] for n in ZOE_ORDER[3:]], expected[3:], rtol=1e-6)


@pytest.mark.parametrize(("inclusive", "count"), [(True, 4), (False, 2)])
def test_scored_pixels__range_ends_are_the_protocols_choice(*, inclusive: bool, count: int) -> None:
    depth_m = torch.tensor([[0.5, 1.0, 2.0, 3.0, 4.0, 4.5, torch.nan]])
    _, scored = scored_pixels(truth(depth_m), replace(STRICT, inclusive=inclusive, range_m=(1.0, 4.0)))
    assert int(scored.sum()) == count


def test_scored_pixels__too_few_are_named() -> None:
    sample = truth(torch.tensor([[1.0, 2.0, torch.nan]]))
    with pytest.raises(UnscorableError, match=r"at least 3 pixels.*got 2 in one"):
        scored_pixels(sample, replace(STRICT, minimum_valid_pixels=3))
    with pytest.raises(UnscorableError, match="at least 1 pixels"):
        scored_pixels(sample, replace(STRICT, range_m=(50.0, 60.0), minimum_valid_pixels=0))


def test_scored_pixels__relative_truth_is_refused() -> None:
    sample = replace(truth(torch.ones(2, 2)), kind=DepthKind.AFFINE_DISPARITY)
    with pytest.raises(ContractError, match="affine_disparity"):
        scored_pixels(sample, STRICT)


def test_score__a_relative_prediction_is_never_scored_as_metric() -> None:
    sample = ToyScenes()[0]
    assert sample.depth is not None
    prediction = replace(metric(1 / sample.depth), kind=DepthKind.AFFINE_DISPARITY)
    with pytest.raises(ContractError, match="scale-shift-disparity"):
        score_depth(Case(sample=sample, prediction=prediction), STRICT)
    aligned = score_depth(
        Case(sample=sample, prediction=prediction), replace(STRICT, alignment=Alignment.SCALE_SHIFT_DISPARITY)
    )
    assert aligned.metrics["abs_rel"] < 1e-5


def test_judged__fits_exactly_the_scored_pixels() -> None:
    depth_m = torch.tensor([[1.0, 2.0, 3.0, 70.0]])
    predicted = torch.tensor([[2.0, 4.0, 6.0, 7.0]])
    protocol = replace(STRICT, alignment=Alignment.SCALE, range_m=(1e-3, 10.0), minimum_valid_pixels=1)
    compared = judged(Case(sample=truth(depth_m), prediction=metric(predicted)), protocol)
    assert compared.predicted_m[0, :3].tolist() == pytest.approx([1.0, 2.0, 3.0])


@pytest.mark.parametrize("clamp", [True, False])
def test_score__missing_predictions_are_counted_and_cost(*, clamp: bool) -> None:
    depth_m = torch.full((1, 4), 2.0)
    predicted = torch.tensor([[2.0, torch.nan, torch.inf, -torch.inf]])
    protocol = replace(STRICT, clamp=clamp, range_m=(0.5, 8.0))
    compared = judged(Case(sample=truth(depth_m), prediction=metric(predicted)), protocol)
    assert compared.predicted_m.tolist() == [[2.0, 0.5, 8.0, 0.5]]
    score = score_depth(Case(sample=truth(depth_m), prediction=metric(predicted)), protocol)
    assert score.missing_pixels == 3
    assert score.metrics["delta1"] == 0.25


ALIGNED = [
    (Alignment.NONE, DepthKind.METRIC),
    (Alignment.MEDIAN, DepthKind.METRIC),
    (Alignment.SCALE, DepthKind.SCALE_INVARIANT),
    (Alignment.SCALE_SHIFT_DEPTH, DepthKind.AFFINE_DEPTH),
    (Alignment.SCALE_SHIFT_DISPARITY, DepthKind.AFFINE_DISPARITY),
]


@pytest.mark.parametrize(("alignment", "kind"), ALIGNED)
@pytest.mark.parametrize("clamp", [True, False])
def test_score__a_prediction_without_one_number_is_missing_everywhere_under_any_alignment(
    alignment: Alignment, kind: DepthKind, *, clamp: bool
) -> None:
    silent = replace(metric(torch.tensor([[torch.nan, torch.inf, torch.nan, 3.0]])), kind=kind)
    silent.valid[0, 3] = False
    case = Case(sample=truth(torch.full((1, 4), 2.0)), prediction=silent)
    protocol = replace(STRICT, alignment=alignment, clamp=clamp, range_m=(0.5, torch.inf))
    compared, score = judged(case, protocol), score_depth(case, protocol)
    assert compared.predicted_m.tolist() == [[0.5] * 4]
    assert score.missing_pixels == 4
    assert score.metrics["delta1"] == 0


def test_score__a_silent_prediction_that_claims_too_little_is_refused_all_the_same() -> None:
    silent = replace(metric(torch.full((1, 4), torch.nan)), kind=DepthKind.AFFINE_DISPARITY)
    case = Case(sample=truth(torch.full((1, 4), 2.0)), prediction=silent)
    with pytest.raises(ContractError, match="scale-shift-disparity"):
        score_depth(case, replace(STRICT, alignment=Alignment.SCALE))


@pytest.mark.parametrize("clamp", [True, False])
def test_score__an_infinite_prediction_without_a_far_end_is_missing_like_nan(*, clamp: bool) -> None:
    sample = truth(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    protocol = replace(STRICT, clamp=clamp, range_m=(0.5, torch.inf))
    endless, unknown = (metric(torch.tensor([[1.0, 2.0, 3.0, value]])) for value in (torch.inf, torch.nan))
    found = score_depth(Case(sample=sample, prediction=endless), protocol)
    assert found == score_depth(Case(sample=sample, prediction=unknown), protocol)
    assert found.missing_pixels == 1
    assert np.isfinite(list(found.metrics.values())).all()


def test_score__disparity_at_or_beyond_infinity_without_a_far_end_is_missing() -> None:
    depth_m = torch.tensor([[1.0, 2.0, 4.0]]).repeat(1, 20)
    disparity = 1 / depth_m
    disparity[0, -1] = -0.2
    prediction = replace(metric(disparity), kind=DepthKind.AFFINE_DISPARITY)
    protocol = replace(STRICT, alignment=Alignment.SCALE_SHIFT_DISPARITY, range_m=(0.5, torch.inf))
    found = score_depth(Case(sample=truth(depth_m), prediction=prediction), protocol)
    assert found.missing_pixels == 1
    assert np.isfinite(list(found.metrics.values())).all()


def test_score__invalid_pixels_of_the_prediction_are_missing_even_with_a_number() -> None:
    prediction = replace(metric(torch.full((1, 4), 2.0)), valid=np.array([[True, False, True, True]]))
    score = score_depth(Case(sample=truth(torch.full((1, 4), 2.0)), prediction=prediction), STRICT)
    assert score.missing_pixels == 1
    assert score.metrics["delta1"] == 0.75


def test_score__missing_outside_the_scored_pixels_is_nobodys_loss() -> None:
    depth_m, predicted = torch.tensor([[2.0, torch.nan]]), torch.tensor([[2.0, torch.nan]])
    score = score_depth(Case(sample=truth(depth_m), prediction=metric(predicted)), STRICT)
    assert (score.missing_pixels, score.metrics["abs_rel"]) == (0, 0.0)


@pytest.mark.parametrize(("clamp", "missing", "value"), [(True, 0, 1e-3), (False, 1, 1e-3)])
def test_score__non_positive_metres_become_the_smallest(*, clamp: bool, missing: int, value: float) -> None:
    depth_m, predicted = torch.full((1, 2), 2.0), torch.tensor([[2.0, -1.0]])
    case = Case(sample=truth(depth_m), prediction=metric(predicted))
    protocol = replace(STRICT, clamp=clamp, range_m=(0.0, 8.0))
    assert judged(case, protocol).predicted_m[0, 1].item() == pytest.approx(value)
    assert score_depth(case, protocol).missing_pixels == missing


def test_judged__clamping_spares_the_uncapped_metres() -> None:
    case = Case(sample=truth(torch.full((1, 2), 2.0)), prediction=metric(torch.tensor([[2.0, 30.0]])))
    compared = judged(case, replace(STRICT, range_m=(1e-3, 10.0)))
    assert compared.predicted_m.tolist() == [[2.0, 10.0]]
    assert compared.uncapped_m.tolist() == [[2.0, 30.0]]


@pytest.mark.parametrize(("rule", "middle"), [("bilinear-corners", 4 / 3), ("bilinear", 1.25)])
def test_resized__follows_the_named_rule(rule: str, middle: float) -> None:
    protocol = replace(STRICT, resize="bilinear-corners" if rule == "bilinear-corners" else "bilinear")
    stretched = resized(metric(torch.tensor([[1.0, 2.0]])), 1, 4, protocol)
    assert stretched.values[0, 1] == pytest.approx(middle)
    assert resized(metric(torch.ones(2, 2)), 2, 2, protocol).values.tolist() == [[1, 1], [1, 1]]


def test_resized__does_not_interpolate_over_invalid_pixels() -> None:
    prediction = replace(metric(torch.tensor([[1.0, 5.0, 3.0]])), valid=np.array([[True, False, True]]))
    stretched = resized(prediction, 1, 7, STRICT)  # the second of seven takes a third of the invalid one
    assert stretched.valid.tolist() == [[True, False, False, False, False, False, True]]


def test_full_crop__is_the_default() -> None:
    assert DEPTH.crop is FULL


@pytest.mark.parametrize(
    ("space", "kind", "second"),
    [
        ("kind", DepthKind.METRIC, 13.0),
        ("depth", DepthKind.METRIC, 13.0),
        ("disparity", DepthKind.METRIC, 1 / (0.75 / 4 + 0.25 / 40)),
        ("disparity", DepthKind.SCALE_INVARIANT, 1 / (0.75 / 4 + 0.25 / 40)),
        ("disparity", DepthKind.AFFINE_DEPTH, 13.0),
        ("disparity", DepthKind.STEREO_DISPARITY, 26.0),
        ("kind", DepthKind.STEREO_DISPARITY, 26.0),
        ("depth", DepthKind.STEREO_DISPARITY, 2 / (0.75 / 4 + 0.25 / 40)),
        ("depth", DepthKind.AFFINE_DISPARITY, 13.0),
    ],
)
def test_resized__interpolates_in_the_protocols_space_and_pixels_grow_with_the_width(
    space: Literal["kind", "depth", "disparity"], kind: DepthKind, second: float
) -> None:
    given = replace(metric(torch.tensor([[4.0, 40.0]])), kind=kind)
    found = resized(given, 1, 4, replace(STRICT, resize="bilinear", resize_in=space))
    assert found.kind is kind
    assert found.values[0, 1] == pytest.approx(second, rel=1e-5)
    assert found.valid.all()


def test_resized__has_no_inverse_of_what_is_not_positive() -> None:
    given = metric(torch.tensor([[4.0, 0.0, 4.0]]))
    found = resized(given, 1, 6, replace(STRICT, resize="bilinear", resize_in="disparity"))
    assert found.valid[0].tolist() == [True, False, False, False, False, True]
    assert np.isfinite(found.values[found.valid]).all()


def test_scored_pixels__truth_beyond_the_far_end_is_left_out_or_clamped_to_it() -> None:
    sample = truth(torch.tensor([[10.0, 80.0, 85.0, torch.inf, torch.nan]]))
    sample = replace(sample, valid=torch.tensor([[True, True, True, True, False]]))
    left_out, clamped = (
        replace(STRICT, crop=FULL, range_m=(1.0, 80.0), beyond=beyond) for beyond in ("left-out", "clamped")
    )
    assert scored_pixels(sample, left_out)[1].tolist() == [[True, False, False, False, False]]
    target_m, scored = scored_pixels(sample, clamped)
    assert scored.tolist() == [[True, True, True, True, False]]
    assert target_m[0, :4].tolist() == [10.0, 80.0, 80.0, 80.0]
    assert sample.depth is not None
    assert float(sample.depth[0, 2]) == 85.0


def test_judged__clamps_to_ends_of_its_own_where_the_protocol_has_them() -> None:
    protocol = replace(STRICT, range_m=(0.0, math.inf), clamp_m=(2.0, 50.0))
    target = torch.full((1, 4), 60.0)
    compared = judged(Case(sample=truth(target), prediction=metric(torch.tensor([[1.0, 30.0, 99.0, torch.inf]]))), protocol)
    assert compared.predicted_m.tolist() == [[2.0, 30.0, 50.0, 50.0]]
    silent = judged(Case(sample=truth(target), prediction=metric(torch.tensor([[torch.nan, 30.0, 99.0, 5.0]]))), protocol)
    assert float(silent.predicted_m[0, 0]) == 2.0


def test_judged__turns_disparity_into_metres_only_where_metres_are_judged() -> None:
    sample = PairedScenes()[0]
    pixels = metric(15.0 / scene_depth_m(0, 24, 32))
    pixels = replace(pixels, kind=DepthKind.STEREO_DISPARITY)
    in_metres = judged(Case(sample=sample, prediction=pixels), STRICT)
    assert float((in_metres.predicted_m - in_metres.target_m)[in_metres.scored].abs().max()) < 1e-4
    affine = replace(STRICT, alignment=Alignment.SCALE_SHIFT_DISPARITY)
    fitted = judged(Case(sample=sample, prediction=replace(pixels, values=pixels.values - 3.0)), affine)
    assert pixels.values.min() < 3.0  # metres could not hold these
    assert not fitted.missing.any()
    assert float((fitted.predicted_m - fitted.target_m)[fitted.scored].abs().max()) < 1e-3
