# SPDX-License-Identifier: Apache-2.0
"""The record that turns a model's numbers into metres."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from leadline.contracts.errors import UsageError
from leadline.models.calibration import Calibration, CalibrationEvidence

EVIDENCE = CalibrationEvidence(
    source="a.csv", pictures=2, points=9, nearest_m=1.0, median_m=2.0, farthest_m=4.0, abs_rel=0.1
)
CALIBRATION = Calibration(space="disparity", scale=0.4, shift=-0.01, max_depth_m=20.0, evidence=EVIDENCE)


def test_calibration__survives_json() -> None:
    assert Calibration.from_dict(json.loads(json.dumps(CALIBRATION.to_dict()))) == CALIBRATION


@pytest.mark.parametrize(
    "change",
    [{"scale": 0.0}, {"scale": float("inf")}, {"shift": float("nan")}, {"max_depth_m": 0.0}, {"space": "sideways"}],
)
def test_calibration__refuses_numbers_that_make_no_metres(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        replace(CALIBRATION, **change)


@pytest.mark.parametrize(
    "change",
    [{"scale": "much"}, {"shift": None}, {"extra": 1}, {"evidence": {"source": "a"}}, {"evidence": 3}, {"evidence": None}],
)
def test_from_dict__refuses_what_is_no_calibration_in_one_line(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        Calibration.from_dict(CALIBRATION.to_dict() | change)
    assert "\n" not in str(refused.value)


def test_from_dict__names_what_is_missing() -> None:
    values = CALIBRATION.to_dict()
    del values["max_depth_m"]
    with pytest.raises(UsageError, match="max_depth_m in the calibration"):
        Calibration.from_dict(values)
