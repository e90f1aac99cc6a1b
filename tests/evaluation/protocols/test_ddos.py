# SPDX-License-Identifier: Apache-2.0
"""DDOS: metres up to 100, AbsRel of each class and range of distance pooled over pixels, other datasets refused."""

import math
from pathlib import Path

import pytest
import torch

from leadline.contracts.depth_map import DepthMap
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Sample
from leadline.data.catalog import DATASETS
from leadline.data.ddos import open_ddos
from leadline.data.ddos_classes import CLASS_IDS, DdosAnnotations
from leadline.data.request import DatasetRequest
from leadline.data.subset import EvenSubset
from leadline.evaluation.baselines import VerticalRamp
from leadline.evaluation.catalog import changed, find_protocol
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from leadline.evaluation.protocol import Case, ImageScore, Protocol
from leadline.evaluation.protocols.ddos import DDOS, DISTANCE_EDGES_M, score_ddos
from leadline.evaluation.statistics import means
from tests.data.layouts import ddos
from tests.evaluation.toys import AnnotatedScenes, ToyPredictor

DEPTH_M = torch.tensor([[4.0, 5.0, 20.0, 100.0], [50.0, 50.0, 100.5, 8.0]])
VALID = torch.tensor([[True, True, True, True], [True, True, True, False]])
IDS = torch.tensor([[255, 255, 180, 0], [180, 0, 0, 255]], dtype=torch.int32)


def sample(depth_m: torch.Tensor = DEPTH_M, valid: torch.Tensor = VALID) -> Sample:
    poisoned = torch.where(valid, depth_m, torch.nan)
    return Sample(key="s", dataset="ddos", image=torch.zeros(3, *depth_m.shape), depth=poisoned, valid=valid)


def score(
    predicted_m: torch.Tensor,
    *,
    truth: Sample | None = None,
    ids: torch.Tensor | None = IDS,
    protocol: Protocol = DDOS,
) -> ImageScore:
    prediction = DepthMap(values=predicted_m.numpy(), valid=predicted_m.isfinite().numpy(), kind=protocol.alignment.scores)
    known = DdosAnnotations(ids, CLASS_IDS)
    return score_ddos(Case(sample=truth or sample(), prediction=prediction, annotations=known), protocol)


def test_ddos__is_the_protocol_of_its_dataset_in_metres_up_to_a_hundred() -> None:
    assert find_protocol(DATASETS["ddos"].default_protocol or "") is DDOS
    assert (DDOS.range_m, DDOS.inclusive, DDOS.clamp) == ((0.0, 100.0), True, True)
    assert DISTANCE_EDGES_M[0] == 0.0
    assert DISTANCE_EDGES_M[-1] == DDOS.range_m[1]


def test_ddos__classes_and_ranges_by_hand() -> None:
    found = score(torch.tensor([[2.0, 10.0, 30.0, 90.0], [55.0, 75.0, 1.0, 1.0]]))
    errors = {"a": 0.5, "b": 1.0, "c": 0.5, "d": 0.1, "e": 0.1, "f": 0.5}
    assert found.metrics["abs_rel"] == pytest.approx(sum(errors.values()) / 6)
    assert found.metrics["abs_rel_ultra_thin"] == pytest.approx((0.5 + 1.0) / 2)
    assert found.metrics["abs_rel_trees"] == pytest.approx((0.5 + 0.1) / 2)
    assert found.metrics["abs_rel_background"] == pytest.approx((0.1 + 0.5) / 2)
    assert found.metrics["abs_rel_0_to_5m"] == pytest.approx((0.5 + 1.0) / 2)
    assert found.metrics["abs_rel_10_to_20m"] == pytest.approx(0.5)
    assert found.metrics["abs_rel_40_to_60m"] == pytest.approx((0.1 + 0.5) / 2)
    assert found.metrics["abs_rel_80_to_100m"] == pytest.approx(0.1)
    assert math.isnan(found.metrics["abs_rel_animals"])
    assert math.isnan(found.metrics["abs_rel_5_to_10m"])  # the only such pixel is not valid
    assert (found.weights["abs_rel_ultra_thin"], found.weights["abs_rel_animals"]) == (2, 0)
    assert sum(found.weights[f"abs_rel_{name}"] for name in CLASS_IDS) == 6
    assert sum(weight for name, weight in found.weights.items() if name.endswith("m")) == 6


def test_ddos__classes_are_pooled_over_pixels_not_images() -> None:
    much = score(
        torch.full((2, 4), 10.0), ids=torch.full((2, 4), 255, dtype=torch.int32), truth=sample(torch.full((2, 4), 5.0))
    )
    little = score(
        torch.full((2, 4), 5.0),
        ids=torch.where(torch.arange(8).view(2, 4) == 0, 255, 0),
        truth=sample(torch.full((2, 4), 5.0)),
    )
    found = means([much, little], resamples=5, seed=0).values
    assert found["abs_rel"] == pytest.approx(0.5)
    assert found["abs_rel_ultra_thin"] == pytest.approx(7 / 8)


def test_ddos__silent_pixels_count_as_the_near_end_in_their_class_too() -> None:
    silent = torch.where(IDS == 255, torch.nan, DEPTH_M)
    found = score(silent)
    assert found.missing_pixels == 2
    assert found.metrics["abs_rel_ultra_thin"] == pytest.approx(1.0, abs=1e-3)
    assert found.metrics["abs_rel_trees"] == 0.0


def test_ddos__a_narrower_range_narrows_classes_and_distances_too() -> None:
    found = score(2 * DEPTH_M, protocol=changed(DDOS, range_m=(0.0, 45.0)))
    assert (found.weights["abs_rel_40_to_60m"], found.weights["abs_rel_background"]) == (0, 0)
    assert found.weights["abs_rel_trees"] == found.weights["abs_rel_10_to_20m"] == 1


def test_ddos__without_segmentation_only_classes_are_unknown() -> None:
    found = score(DEPTH_M, ids=None)
    assert all(math.isnan(found.metrics[f"abs_rel_{name}"]) for name in CLASS_IDS)
    assert found.metrics["abs_rel"] == found.metrics["abs_rel_0_to_5m"] == 0.0


def test_ddos__follows_the_convention_that_compares_disparity() -> None:
    protocol = changed(DDOS, alignment="scale-shift-disparity", convention="disp")
    close = torch.where(VALID, 1 / DEPTH_M, 0.0)
    close[0, 0] *= 1.5
    found = score(close, protocol=protocol)
    classes = sum(
        found.metrics[f"abs_rel_{name}"] * found.weights[f"abs_rel_{name}"] for name in ("ultra_thin", "trees", "background")
    )
    assert found.metrics["abs_rel"] > 0.01
    assert classes / 6 == pytest.approx(found.metrics["abs_rel"])


def test_ddos__other_annotations_are_refused() -> None:
    with pytest.raises(ContractError, match=r"classes of their pixels.*evaluate on the dataset 'ddos'"):
        evaluate(ToyPredictor(), AnnotatedScenes(), DDOS)


def test_ddos__evaluates_a_folder_whole_and_in_a_subset(tmp_path: Path) -> None:
    ddos(tmp_path, "test/park/0", "test/neighbourhood/0")
    dataset, fast = open_ddos(DatasetRequest(root=tmp_path, split="test")), EvaluationSettings(resamples=5)
    whole = evaluate(VerticalRamp(far_m=100.0), dataset, DDOS, settings=fast)
    part = evaluate(VerticalRamp(far_m=100.0), EvenSubset(dataset, 2), DDOS, settings=fast)
    assert (whole.images, part.images) == (4, 2)
    assert whole.rows[0].metrics["abs_rel_trees"] > whole.rows[0].metrics["abs_rel_background"] > 0
    assert part.rows[1].metrics == pytest.approx(whole.rows[2].metrics, nan_ok=True)
    assert whole.metrics.keys() >= {"delta1", "silog", "abs_rel_ultra_thin", "abs_rel_0_to_5m"}
