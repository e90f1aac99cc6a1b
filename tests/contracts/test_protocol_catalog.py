# SPDX-License-Identifier: Apache-2.0
"""Every protocol of the catalog, enrolled by its entry: named, recorded, perfect for the truth, strict about kinds."""

import json
import math
from pathlib import Path

import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field
from leadline.data.catalog import DATASETS
from leadline.evaluation.catalog import PROTOCOLS, changed_choices
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from leadline.evaluation.results import as_json, is_better_higher, write_json
from leadline.geometry.alignment import Alignment
from tests.evaluation.toys import AnnotatedScenes, ClassifiedScenes, PairedScenes, ToyPredictor, ToyScenes

SCENES = AnnotatedScenes(count=2, height=480, width=640)
CLASSIFIED = ClassifiedScenes(count=2, height=480, width=640)
PAIRED = PairedScenes(count=2, height=480, width=640)
SECOND_CHOICES = {"kitti-eigen-tio", "kitti-improved"}  # of kitti_stereo
SETTINGS = EvaluationSettings(resamples=10)


def scenes(name: str) -> ToyScenes:
    """Scenes with what the protocol measures beside depth."""
    if name in {"stereo", "kitti-2015"}:
        return PAIRED
    return CLASSIFIED if name == "ddos" else SCENES


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol__is_filed_under_its_name_with_a_source(name: str) -> None:
    protocol = PROTOCOLS[name]
    assert protocol.name == name
    assert protocol.source
    assert changed_choices(protocol) == []


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol__needs_what_its_dataset_provides(name: str) -> None:
    protocol = PROTOCOLS[name]
    entry = DATASETS[protocol.dataset or "labelled_folder"]
    assert protocol.needs <= entry.provides | {Field.IMAGE}
    assert name in {entry.default_protocol, f"{protocol.dataset}-relative", *SECOND_CHOICES}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol__scores_the_truth_as_perfect_and_records_itself(name: str, tmp_path: Path) -> None:
    result = evaluate(ToyPredictor(), scenes(name), PROTOCOLS[name], settings=SETTINGS)
    for metric, value in result.metrics.items():
        if metric.startswith(("delta", "accuracy")):
            assert value == 1.0, metric
        elif is_better_higher(metric):
            assert value == 100.0, metric
        elif metric == "median_ratio":
            assert value == pytest.approx(1.0, abs=1e-5)
        else:
            is_nowhere = metric.startswith(("pe_", "abs_rel_")) and math.isnan(value)  # no plane, class or distance of it
            assert is_nowhere or value == pytest.approx(0.0, abs=2e-4), metric
    write_json(result, tmp_path / "result.json")
    read = json.loads((tmp_path / "result.json").read_text())
    assert read["protocol"] == name
    assert {"crop", "range_m", "alignment", "resize", "tta", "aggregation", "source"} <= set(read["settings"])
    assert set(read["metrics"]) == set(as_json(result)["intervals"])  # type: ignore[call-overload]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol__scores_a_wrong_prediction_as_worse(name: str) -> None:
    wrong = evaluate(ToyPredictor(change=lambda z: 12.0 - z), scenes(name), PROTOCOLS[name], settings=SETTINGS)
    if name == "da2k":
        assert wrong.metrics["accuracy"] == 0.0
    else:  # a fit to the truth leaves less to be wrong
        assert wrong.metrics["abs_rel"] > (0.3 if PROTOCOLS[name].alignment is Alignment.NONE else 0.1)


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "da2k"])
@pytest.mark.parametrize("kind", DepthKind)
def test_protocol__never_scores_more_than_a_model_claims(name: str, kind: DepthKind) -> None:
    claim = PROTOCOLS[name].alignment.scores
    assert claim is (DepthKind.AFFINE_DISPARITY if name.endswith("-relative") else DepthKind.METRIC)
    has_rig = scenes(name).provides >= {Field.CAMERA, Field.STEREO}
    if claim in kind.judged_as or (kind is DepthKind.STEREO_DISPARITY and has_rig):
        return
    with pytest.raises(ContractError, match=f"kind {kind.value}"):
        evaluate(ToyPredictor(kind=kind), scenes(name), PROTOCOLS[name], settings=SETTINGS)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol__names_images_without_a_number(name: str) -> None:
    silent = evaluate(ToyPredictor(change=lambda z: z * torch.nan), scenes(name), PROTOCOLS[name], settings=SETTINGS)
    if name == "da2k":
        assert silent.metrics["accuracy"] == 0.0
    else:
        assert set(silent.missing_pixels) == {SCENES.key(i) for i in range(2)}
        assert silent.metrics["delta1"] == 0.0
