# SPDX-License-Identifier: Apache-2.0
"""iBims-1: capped global metrics beside uncapped geometry, planes weighed by number, missing annotations refused."""

import math
from dataclasses import replace

import pytest
import torch

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthMap
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Sample
from leadline.data.ibims_scene import IbimsAnnotations, IbimsPlane
from leadline.evaluation.protocol import Case, ImageScore
from leadline.evaluation.protocols.ibims import IBIMS, score_ibims

WALL = IbimsPlane("wall", torch.ones(480, 640, dtype=torch.bool), torch.tensor([0.0, 0.0, -1.0]))
SPECK = IbimsPlane("table", torch.zeros(480, 640, dtype=torch.bool), torch.tensor([0.0, 1.0, 0.0]))
STEP = torch.zeros(480, 640, dtype=torch.bool)
STEP[:, 320] = True


def wall(distance_m: float) -> Sample:
    return Sample(
        key="w",
        dataset="ibims",
        image=torch.zeros(3, 480, 640),
        depth=torch.full((480, 640), distance_m),
        valid=torch.ones(480, 640, dtype=torch.bool),
        camera=Camera(matrix=torch.tensor([[550.0, 0, 320], [0, 550.0, 240], [0, 0, 1]])),
    )


def score(sample: Sample, values: torch.Tensor, annotations: IbimsAnnotations) -> ImageScore:
    prediction = DepthMap(values=values.numpy(), valid=values.isfinite().numpy(), kind=IBIMS.alignment.scores)
    return score_ibims(Case(sample=sample, prediction=prediction, annotations=annotations), IBIMS)


def test_ibims__a_scaled_wall_is_flat_but_not_metric() -> None:
    found = score(wall(4.0), torch.full((480, 640), 2.0), IbimsAnnotations(~STEP & STEP, (WALL, SPECK)))
    assert found.metrics["abs_rel"] == 0.5
    assert found.metrics["pe_flatness_cm"] == pytest.approx(0.0, abs=1e-5)
    assert found.metrics["pe_orientation_deg"] == pytest.approx(0.0, abs=1e-4)
    assert found.weights["pe_flatness_cm"] == 1
    assert (found.metrics["dde_correct"], found.metrics["dde_too_close"], found.metrics["dde_too_far"]) == (0, 100, 0)
    assert math.isnan(found.metrics["dbe_accuracy_px"])


def test_ibims__geometry_sees_beyond_the_cap() -> None:
    values = torch.full((480, 640), 4.0)
    values[:, 321:] = 30.0
    values[:, 320] = 15.0
    found = score(wall(4.0), values, IbimsAnnotations(STEP, (WALL,)))
    capped = score(wall(4.0), values.clamp(max=10.0), IbimsAnnotations(STEP, (WALL,)))
    assert found.metrics["abs_rel"] == capped.metrics["abs_rel"]
    assert found.metrics["pe_flatness_cm"] > 1.5 * capped.metrics["pe_flatness_cm"]
    assert found.metrics["dbe_accuracy_px"] <= 1.0


def test_ibims__silent_pixels_are_off_the_planes_but_counted() -> None:
    values = torch.full((480, 640), 4.0)
    values[200:220] = torch.nan
    found = score(wall(4.0), values, IbimsAnnotations(STEP, (WALL,)))
    assert found.missing_pixels == 20 * 560
    assert found.metrics["pe_flatness_cm"] == pytest.approx(0.0, abs=1e-5)
    assert found.metrics["dde_too_close"] == pytest.approx(100 * 20 / 480)


def test_ibims__without_planes_there_is_nothing_to_weigh() -> None:
    found = score(wall(4.0), torch.full((480, 640), 4.0), IbimsAnnotations(STEP, ()))
    assert math.isnan(found.metrics["pe_flatness_cm"])
    assert found.weights["pe_orientation_deg"] == 0


def test_ibims__needs_camera_and_annotations() -> None:
    prediction = torch.full((480, 640), 4.0)
    with pytest.raises(ContractError, match="camera, edges and planes"):
        score(replace(wall(4.0), camera=None), prediction, IbimsAnnotations(STEP, ()))
    with pytest.raises(ContractError, match="camera, edges and planes"):
        score_ibims(
            Case(
                sample=wall(4.0),
                prediction=DepthMap(
                    values=prediction.numpy(), valid=prediction.isfinite().numpy(), kind=IBIMS.alignment.scores
                ),
            ),
            IBIMS,
        )
