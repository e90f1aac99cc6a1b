# SPDX-License-Identifier: Apache-2.0
"""Three ways to score KITTI's Eigen frames, against the released evaluations and where they differ from each other."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field, Sample, StereoView
from leadline.data.kitti_stereo import open_kitti_stereo
from leadline.data.request import DatasetRequest
from leadline.evaluation.baselines import NaiveGuess
from leadline.evaluation.crops import FULL, GARG
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from leadline.evaluation.protocol import Case, Protocol
from leadline.evaluation.protocols.kitti_eigen import KITTI_EIGEN_MD2, KITTI_EIGEN_TIO, KITTI_IMPROVED, score_with_scaling
from leadline.geometry.alignment import Alignment
from tests.data.kitti_raw import kitti_raw
from tests.evaluation.toys import ToyPredictor, ToyScenes
from tests.shared_paths import stored

ALL = [KITTI_EIGEN_MD2, KITTI_EIGEN_TIO, KITTI_IMPROVED]
PEER_ORDER = ("abs_rel", "sq_rel", "rmse", "rmse_log", "delta1", "delta2", "delta3")


def case(
    truth_m: Tensor, predicted: NDArray[np.float32] | Tensor, kind: DepthKind = DepthKind.METRIC, valid: Tensor | None = None
) -> Case:
    height, width = truth_m.shape
    sample = Sample(
        key="frame",
        dataset="toy",
        image=torch.zeros(3, height, width),
        depth=truth_m,
        valid=truth_m > 0 if valid is None else valid,
        camera=Camera(matrix=torch.tensor([[100.0, 0, 4], [0, 100.0, 1], [0, 0, 1]])),
        stereo=StereoView(image=torch.zeros(3, height, width), baseline_m=torch.tensor(0.5)),
    )
    values = np.asarray(predicted, np.float32)
    return Case(sample=sample, prediction=DepthMap(values=values, valid=np.ones(values.shape, np.bool_), kind=kind))


def scene(seed: int = 0, height: int = 40, width: int = 60) -> Tensor:
    return 2 + 60 * torch.rand(height, width, generator=torch.Generator().manual_seed(seed))


def uncropped(protocol: Protocol) -> Protocol:
    return replace(protocol, crop=FULL)


@pytest.mark.parametrize(
    ("name", "protocol", "suffix"),
    [
        ("depth_kitti_garg", KITTI_EIGEN_TIO, ""),
        ("depth_kitti_garg_median", KITTI_EIGEN_TIO, "_scaled"),
        ("depth_nocrop", replace(KITTI_EIGEN_TIO, crop=FULL, beyond="left-out"), ""),  # its KITTI 2015
    ],
)
def test_kitti_eigen_tio__scores_as_the_released_evaluation(name: str, protocol: Protocol, suffix: str) -> None:
    fixture = stored("tio_losses")
    given = case(torch.from_numpy(fixture["metric.gt"])[0, 0], fixture["metric.pred"][0, 0])
    found = score_with_scaling(given, protocol).metrics
    expected = fixture[f"metric.{name}"]
    assert [found[f"{metric}{suffix}"] for metric in PEER_ORDER] == pytest.approx(expected[:7].tolist(), rel=1e-4)
    assert found["median_ratio"] == pytest.approx(float(expected[7]), rel=1e-4)


def test_kitti_eigen_md2__scores_as_the_released_error_function() -> None:
    fixture = stored("monodepth2")
    truth_m, predicted = torch.from_numpy(fixture["vec.gt"])[None], fixture["vec.pred"][None]
    assert float(truth_m.max()) < 80
    assert predicted.max() > 80
    found = score_with_scaling(case(truth_m, predicted), replace(uncropped(KITTI_EIGEN_MD2), clamp=False)).metrics
    assert [found[metric] for metric in PEER_ORDER] == pytest.approx(fixture["errors"].tolist(), rel=1e-5)


@pytest.mark.parametrize("protocol", ALL, ids=lambda one: one.name)
def test_kitti_eigen__twice_the_truth_has_the_errors_of_the_book(protocol: Protocol) -> None:
    truth_m = scene() / 2
    found = score_with_scaling(case(truth_m, 2 * truth_m), uncropped(protocol)).metrics
    assert found["abs_rel"] == pytest.approx(1.0)
    assert found["sq_rel"] == pytest.approx(float(truth_m.double().mean()))
    assert found["rmse_log"] == pytest.approx(math.log(2))
    assert [found[f"delta{n}"] for n in (1, 2, 3)] == [0.0, 0.0, 0.0]
    assert found["median_ratio"] == pytest.approx(0.5)
    assert found["abs_rel_scaled"] == pytest.approx(0.0, abs=1e-6)
    assert found["delta1_scaled"] == 1.0


@pytest.mark.parametrize("protocol", ALL, ids=lambda one: one.name)
def test_kitti_eigen__a_fifth_too_far_is_within_delta1(protocol: Protocol) -> None:
    truth_m = scene()
    assert score_with_scaling(case(truth_m, 1.2 * truth_m), uncropped(protocol)).metrics["delta1"] == 1.0


def test_kitti_eigen__score_inside_garg_s_crop_but_for_the_improved_truth() -> None:
    assert GARG.box(375, 1242) == (153, 371, 44, 1197)
    assert (KITTI_EIGEN_MD2.crop, KITTI_EIGEN_TIO.crop, KITTI_IMPROVED.crop) == (GARG, GARG, FULL)


def test_kitti_eigen__medians_of_an_even_count_differ() -> None:
    truth_m, predicted = torch.tensor([[10.0, 20.0]]), torch.tensor([[5.0, 20.0]])
    ratios = {one.name: score_with_scaling(case(truth_m, predicted), uncropped(one)).metrics["median_ratio"] for one in ALL}
    assert ratios == {
        "kitti-eigen-md2": pytest.approx(15 / 12.5),
        "kitti-eigen-tio": pytest.approx(2.0),
        "kitti-improved": pytest.approx(15 / 12.5),
    }
    scaled = score_with_scaling(case(truth_m, predicted), uncropped(KITTI_EIGEN_TIO)).metrics["abs_rel_scaled"]
    assert scaled == pytest.approx(0.5 * (0.0 + 1.0))


@pytest.mark.parametrize(
    ("protocol", "abs_rel"),
    [(KITTI_EIGEN_MD2, 0.5), (KITTI_EIGEN_TIO, 0.5 * (0.5 + 30 / 80)), (KITTI_IMPROVED, 0.5 * (0.5 + 35 / 85))],
    ids=lambda one: getattr(one, "name", ""),
)
def test_kitti_eigen__truth_beyond_80_m_is_left_out_clamped_or_kept(protocol: Protocol, abs_rel: float) -> None:
    given = case(torch.tensor([[20.0, 85.0]]), torch.tensor([[30.0, 50.0]]))
    assert score_with_scaling(given, uncropped(protocol)).metrics["abs_rel"] == pytest.approx(abs_rel)


@pytest.mark.parametrize("protocol", ALL, ids=lambda one: one.name)
def test_kitti_eigen__predictions_are_clamped_to_80_m_after_scaling(protocol: Protocol) -> None:
    given = case(torch.tensor([[10.0, 40.0, 70.0]]), torch.tensor([[10.0, 40.0, 500.0]]))
    found = score_with_scaling(given, uncropped(protocol)).metrics
    assert found["abs_rel"] == pytest.approx(10 / 70 / 3)
    near = case(torch.tensor([[10.0, 40.0, 70.0]]), torch.tensor([[20.0, 80.0, 140.0]]))
    assert score_with_scaling(near, uncropped(protocol)).metrics["abs_rel_scaled"] == pytest.approx(0.0, abs=1e-6)
    assert protocol.ends_m[1] == 80.0


def test_kitti_eigen__one_resizes_disparity_and_the_other_depth() -> None:
    small = torch.tensor([[4.0, 40.0]])
    truth_m = torch.full((1, 4), 10.0)
    blend_depth = 0.75 * 4.0 + 0.25 * 40.0
    blend_disparity = 1 / (0.75 / 4.0 + 0.25 / 40.0)
    for protocol, second in ((KITTI_EIGEN_MD2, blend_disparity), (KITTI_EIGEN_TIO, blend_depth)):
        found = score_with_scaling(case(truth_m, small), uncropped(protocol)).metrics
        seen = [4.0, second, (1 / (0.25 / 4 + 0.75 / 40) if protocol is KITTI_EIGEN_MD2 else 31.0), 40.0]
        assert found["abs_rel"] == pytest.approx(float(np.mean([abs(z - 10) / 10 for z in seen])), rel=1e-5)


def test_kitti_eigen__disparity_becomes_metres_through_the_sample_s_rig_whatever_the_width_of_the_map() -> None:
    truth_m = torch.full((2, 8), 5.0)
    for width, disparity_px in ((8, 10.0), (4, 5.0)):
        given = case(truth_m, torch.full((2, width), disparity_px), DepthKind.STEREO_DISPARITY)
        for protocol in ALL:
            found = score_with_scaling(given, uncropped(protocol)).metrics
            assert found["abs_rel"] == pytest.approx(0.0, abs=1e-6)
            assert found["median_ratio"] == pytest.approx(1.0)


def test_kitti_eigen__a_prediction_up_to_scale_is_scored_by_the_fit_alone() -> None:
    truth_m = scene()
    given = case(truth_m, 0.03 * truth_m, DepthKind.SCALE_INVARIANT)
    with pytest.raises(ContractError, match="kind scale_invariant"):
        score_with_scaling(given, KITTI_EIGEN_MD2)
    found = score_with_scaling(given, replace(KITTI_EIGEN_MD2, alignment=Alignment.MEDIAN)).metrics
    assert found["abs_rel"] == pytest.approx(0.0, abs=1e-6)
    assert not any(name.endswith("_scaled") or name == "median_ratio" for name in found)


def test_kitti_eigen__an_image_without_a_number_has_no_ratio_and_the_worst_score() -> None:
    silent = case(scene(), torch.full((40, 60), torch.nan))
    score = score_with_scaling(silent, KITTI_EIGEN_MD2)
    assert math.isnan(score.metrics["median_ratio"])
    assert score.metrics["delta1"] == score.metrics["delta1_scaled"] == 0.0
    assert score.missing_pixels > 0


def test_kitti_eigen__never_reads_truth_that_is_not_valid() -> None:
    truth_m = scene()
    valid = torch.rand(truth_m.shape, generator=torch.Generator().manual_seed(1)) < 0.1
    poisoned = torch.where(valid, truth_m, torch.nan)
    for protocol in ALL:
        found = score_with_scaling(case(poisoned, 1.1 * truth_m, valid=valid), protocol).metrics
        assert all(math.isfinite(value) for value in found.values())


def test_evaluate__takes_disparity_where_the_dataset_has_the_rig_and_refuses_it_elsewhere() -> None:
    predictor = ToyPredictor(kind=DepthKind.STEREO_DISPARITY, change=lambda z: 1 / z)
    settings = EvaluationSettings(resamples=10)
    with pytest.raises(ContractError, match="kind stereo_disparity"):
        evaluate(predictor, ToyScenes(), KITTI_EIGEN_MD2, settings=settings)
    scaled = evaluate(predictor, ToyScenes(), replace(KITTI_EIGEN_MD2, alignment=Alignment.MEDIAN), settings=settings)
    assert scaled.metrics["abs_rel"] == pytest.approx(0.0, abs=1e-6)


def test_kitti_eigen__protocols_are_for_the_pairs_and_record_how_they_differ() -> None:
    for protocol in ALL:
        assert protocol.dataset == "kitti_stereo"
        assert protocol.needs == {Field.DEPTH}
        assert protocol.tta == "none"
    differing = [{name: one.settings[name] for name in ("resize_in", "beyond_range", "scaled", "clamp_m")} for one in ALL]
    assert differing == [
        {"resize_in": "disparity", "beyond_range": "left-out", "scaled": "median", "clamp_m": None},
        {"resize_in": "depth", "beyond_range": "clamped", "scaled": "median-lower", "clamp_m": None},
        {"resize_in": "disparity", "beyond_range": "left-out", "scaled": "median", "clamp_m": [1e-3, 80.0]},
    ]


@pytest.mark.parametrize(("truth", "off_m"), [("velodyne_lidar_frame", 0.0), ("velodyne", 0.27)])
def test_kitti_eigen__scores_drives_on_disk_against_distances_from_the_lidar(
    tmp_path: Path, truth: str, off_m: float
) -> None:
    """What lies 5.27 m from the LiDAR lies 5 m from the camera; who says the former is right by the old rule."""
    dataset = open_kitti_stereo(DatasetRequest(root=kitti_raw(tmp_path, (0,)), options={"truth": truth}))
    sample = dataset[0]
    assert sample.depth is not None
    assert sample.valid is not None
    seen = sorted(sample.depth[sample.valid].tolist())
    said = NaiveGuess(name="near", guess_m=torch.full((1, 1), 5.27))
    found = evaluate(said, dataset, uncropped(KITTI_EIGEN_MD2), settings=EvaluationSettings(resamples=0)).metrics
    expected = [abs(5.27 - z) / z for z in seen]
    assert seen[0] == pytest.approx(5.27 - off_m)
    assert found["abs_rel"] == pytest.approx(float(np.mean(expected)), rel=1e-5)
