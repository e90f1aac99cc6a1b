# SPDX-License-Identifier: Apache-2.0
"""KITTI 2015: pixels of all pictures together, by class, and metres beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field, Sample, StereoView
from leadline.data.kitti_2015 import open_kitti_2015
from leadline.data.kitti_2015_annotations import Kitti2015Annotations
from leadline.data.request import DatasetRequest
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from leadline.evaluation.pair_predictions import SamplePredictor
from leadline.evaluation.protocol import Case, ImageScore
from leadline.evaluation.protocols.kitti_2015 import KITTI_2015, score_kitti_2015
from leadline.evaluation.statistics import means
from leadline.geometry.alignment import Alignment
from leadline.inference.stereo.stereo_predictor import StereoPredictor, StereoSettings
from tests.data.kitti_raw import SIZE
from tests.data.test_kitti_2015 import kitti_2015
from tests.inference.stereo.formula_model import FormulaModel

FOCAL_TIMES_BASELINE = 100.0


@dataclass
class Pair:
    """A row of pixels: true disparity, 0 where there is none, and what the left camera sees that the right one does not."""

    true_px: list[float]
    hidden: tuple[int, ...] = ()
    cars: tuple[int, ...] = ()

    def case(self, predicted: list[float], kind: DepthKind = DepthKind.STEREO_DISPARITY) -> Case:
        truth = torch.tensor([self.true_px])
        sample = Sample(
            key="pair",
            dataset="kitti_2015",
            image=torch.zeros(3, 1, truth.shape[1]),
            depth=torch.where(truth > 0, FOCAL_TIMES_BASELINE / truth, torch.nan),
            valid=truth > 0,
            camera=Camera(matrix=torch.tensor([[200.0, 0, 2], [0, 200.0, 1], [0, 0, 1]])),
            stereo=StereoView(image=torch.zeros(3, 1, truth.shape[1]), baseline_m=torch.tensor(0.5)),
        )
        values = np.array([predicted], np.float32)
        prediction = DepthMap(values=values, valid=np.ones(values.shape, np.bool_), kind=kind)
        return Case(sample=sample, prediction=prediction, annotations=self.annotations(truth))

    def annotations(self, truth: Tensor) -> Kitti2015Annotations:
        seen, cars = truth > 0, torch.zeros_like(truth, dtype=torch.bool)
        seen[0, list(self.hidden)] = False
        cars[0, list(self.cars)] = True
        known = truth.where(truth > 0, torch.nan)  # where there is no truth nobody may read
        return Kitti2015Annotations(
            all_disparity_px=known,
            all_valid=truth > 0,
            visible_disparity_px=known.where(seen, torch.nan),
            visible_valid=seen,
            foreground=cars,
        )


def score(pair: Pair, predicted: list[float], kind: DepthKind = DepthKind.STEREO_DISPARITY) -> ImageScore:
    return score_kitti_2015(pair.case(predicted, kind), KITTI_2015)


STREET = Pair([10.0, 20.0, 50.0, 0.0, 40.0], hidden=(1,), cars=(2, 4))


def test_kitti_2015__counts_outliers_by_class_and_by_what_both_cameras_see() -> None:
    found = score(STREET, [14.0, 24.0, 50.0, 99.0, 47.0]).metrics
    expected = {"d1": 75, "d1_bg": 100, "d1_fg": 50, "d1_noc": 200 / 3, "d1_noc_bg": 100, "d1_noc_fg": 50}
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["epe_px"] == pytest.approx((4 + 4 + 0 + 7) / 4)
    assert found["epe_px_noc"] == pytest.approx((4 + 0 + 7) / 3)
    assert found["bad3"] == 75


def test_kitti_2015__weighs_every_number_with_its_pixels() -> None:
    weights = score(STREET, [10.0, 20.0, 50.0, 0.0, 40.0]).weights
    expected = {"d1": 4, "epe_px": 4, "d1_bg": 2, "d1_fg": 2, "d1_noc": 3, "d1_noc_bg": 1, "d1_noc_fg": 2, "bad1_noc": 3}
    assert {name: weights[name] for name in expected} == expected
    assert not {"d1_image_mean", "epe_px_image_mean", "abs_rel", "abs_rel_scaled"} & set(weights)


def test_kitti_2015__sums_pixels_over_pictures_where_others_average_pictures() -> None:
    few, many = Pair([10.0]), Pair([10.0] * 9)
    scores = [score(few, [20.0]), score(many, [10.0] * 9)]
    found = means(scores, resamples=0, seed=0).values
    assert found["d1"] == pytest.approx(10.0)
    assert found["d1_image_mean"] == pytest.approx(50.0)
    assert found["epe_px"] == pytest.approx(1.0)
    assert found["epe_px_image_mean"] == pytest.approx(5.0)


def test_kitti_2015__a_class_that_a_picture_lacks_counts_for_nothing() -> None:
    scores = [score(Pair([10.0, 10.0]), [10.0, 10.0]), score(Pair([10.0, 10.0], cars=(0,)), [20.0, 10.0])]
    assert math.isnan(scores[0].metrics["d1_fg"])
    assert scores[0].weights["d1_fg"] == 0
    assert means(scores, resamples=0, seed=0).values["d1_fg"] == 100.0


def test_kitti_2015__a_pixel_without_a_prediction_is_wrong_by_its_whole_disparity() -> None:
    found = score(Pair([10.0, 10.0]), [math.nan, 10.0])
    assert found.metrics["d1"] == 50.0
    assert found.metrics["epe_px"] == 5.0
    assert found.missing_pixels == 1


def test_kitti_2015__metres_become_pixels_through_the_rig_of_the_pair() -> None:
    found = score(Pair([10.0, 20.0]), [FOCAL_TIMES_BASELINE / 10, FOCAL_TIMES_BASELINE / 24], DepthKind.METRIC).metrics
    assert found["epe_px"] == pytest.approx(2.0, rel=1e-5)
    assert found["d1"] == 50.0


def test_kitti_2015__resizes_disparity_as_disparity_and_depth_as_depth() -> None:
    found = score(Pair([10.0, 10.0, 10.0, 10.0]), [2.0, 10.0]).metrics  # half the width: twice the pixels
    seen_px = [4.0, 8.0, 16.0, 20.0]
    assert found["epe_px"] == pytest.approx(np.mean([abs(px - 10) for px in seen_px]))
    seen_m = [25.0, 20.0, 10.0, 5.0]
    assert found["abs_rel"] == pytest.approx(np.mean([abs(z - 10) / 10 for z in seen_m]), rel=1e-5)


def test_kitti_2015__scores_metres_up_to_80_without_a_crop() -> None:
    found = score(Pair([1.0, 10.0, 50.0]), [50.0, 10.0, 50.0]).metrics  # the first lies at 100 m
    assert found["abs_rel"] == pytest.approx(0.0, abs=1e-6)
    assert found["median_ratio"] == pytest.approx(1.0)
    assert found["d1"] == pytest.approx(100 / 3)
    assert KITTI_2015.crop.name == "full"


def test_kitti_2015__a_fit_to_the_truth_leaves_no_disparity_to_score() -> None:
    fitted = replace(KITTI_2015, alignment=Alignment.MEDIAN)
    found = score_kitti_2015(STREET.case([5.0, 10.0, 25.0, 1.0, 20.0]), fitted).metrics
    assert found["abs_rel"] == pytest.approx(0.0, abs=1e-6)
    assert "d1" not in found


def test_kitti_2015__needs_the_annotations_of_its_dataset() -> None:
    with pytest.raises(ContractError, match=r"disparities and object map; got pair without them; .*'kitti_2015'"):
        score_kitti_2015(replace(STREET.case([1.0] * 5), annotations=None), KITTI_2015)
    assert KITTI_2015.annotated
    assert KITTI_2015.needs == {Field.DEPTH, Field.STEREO, Field.CAMERA}
    assert KITTI_2015.settings["aggregation"] == "pixel-sum, depth image-mean"


def test_kitti_2015__scores_the_files_of_the_benchmark_from_end_to_end(tmp_path: Path) -> None:
    """Pairs with 2, 3 and 4 px everywhere, and a network of one eye that says 6.5 px of its own 32 columns, 8.2 of 40."""
    dataset = open_kitti_2015(DatasetRequest(root=kitti_2015(tmp_path)))
    network: Any = FormulaModel()
    eye = StereoPredictor(network, StereoSettings(mode="mono"), device="cpu", precision="fp32")
    predictor = SamplePredictor(eye, dataset.provides)
    flat = replace(dataset, pairs=tuple(replace(pair, left=grey(tmp_path / pair.left.name)) for pair in dataset.pairs))
    found = evaluate(predictor, flat, KITTI_2015, settings=EvaluationSettings(resamples=0)).metrics
    said_px = 64 * 26 / 255 * 40 / 32
    assert found["epe_px"] == pytest.approx(np.mean([said_px - px for px in (2, 3, 4)]), abs=0.1)
    assert found["d1"] == found["d1_noc"] == found["d1_fg"] == 100.0
    assert found["median_ratio"] == pytest.approx(np.mean([said_px / px for px in (2, 3, 4)]), rel=0.02)
    assert found["abs_rel_scaled"] == pytest.approx(0.0, abs=1e-3)


def grey(path: Path) -> Path:
    Image.fromarray(np.full((*SIZE, 3), 26, np.uint8)).save(path)
    return path
