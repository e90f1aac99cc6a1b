# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, DataError
from leadline.web.known_points import KnownPoint, calibrate_shown
from leadline.web.shown_depth import as_predicted
from tests.web.pictures import HOLE, shown

PLACES = ((0, 0), (20, 4), (40, 10), (59, 39))


def points_of(metres: np.typing.NDArray[np.floating]) -> list[KnownPoint]:
    return [KnownPoint(x_px=x, y_px=y, depth_m=float(metres[y, x])) for x, y in PLACES]


def test_calibrate_shown__turns_a_disparity_into_the_metres_of_the_points(tmp_path: Path) -> None:
    one = shown(tmp_path, DepthKind.AFFINE_DISPARITY)
    truth = 1.0 / (0.2 * one.depth.values.astype(np.float64) + 0.05)
    found = calibrate_shown(one, points_of(truth))
    depth = found.shown.depth
    assert (depth.kind, depth.unit) == (DepthKind.METRIC, "m")
    assert np.allclose(depth.values[depth.valid], truth[depth.valid], rtol=1e-3)
    assert not depth.valid[HOLE]
    assert int(depth.valid.sum()) == 2399
    assert "4 points" in found.sentences[0]
    assert any("all points are of one picture" in sentence for sentence in found.sentences)


def test_calibrate_shown__scales_metres_and_remembers_it(tmp_path: Path) -> None:
    one = shown(tmp_path)
    found = calibrate_shown(one, points_of(2.0 * one.depth.values))
    depth = found.shown.depth
    assert np.allclose(depth.values[depth.valid], 2.0 * one.depth.values[depth.valid], rtol=1e-4)
    assert found.shown.description["page_calibration"]["scale"] == pytest.approx(2.0, rel=1e-4)
    assert as_predicted(found.shown).depth is one.predicted


def test_calibrate_shown__fits_the_models_own_map_also_the_second_time(tmp_path: Path) -> None:
    one = shown(tmp_path)
    points = points_of(2.0 * one.depth.values)
    again = calibrate_shown(calibrate_shown(one, points).shown, points)
    assert again.shown.description["page_calibration"]["scale"] == pytest.approx(2.0, rel=1e-4)


def test_calibrate_shown__never_reads_what_is_not_valid(tmp_path: Path) -> None:
    one = shown(tmp_path)
    poisoned = replace(one.predicted, values=np.where(one.predicted.valid, one.predicted.values, np.inf).astype(np.float32))
    depth = calibrate_shown(replace(one, predicted=poisoned), points_of(2.0 * one.depth.values)).shown.depth
    assert not depth.valid[HOLE]
    assert np.isfinite(depth.values[depth.valid]).all()


@pytest.mark.parametrize(("x_px", "y_px"), [(HOLE[1], HOLE[0]), (60, 0), (0, -1)])
def test_calibrate_shown__refuses_points_without_a_number(x_px: int, y_px: int, tmp_path: Path) -> None:
    one = shown(tmp_path)
    with pytest.raises(DataError, match=f"x {x_px}, y {y_px}"):
        calibrate_shown(one, [*points_of(2 * one.depth.values), KnownPoint(x_px=x_px, y_px=y_px, depth_m=1.0)])


def test_calibrate_shown__refuses_too_few_points_and_kinds_it_cannot_fit(tmp_path: Path) -> None:
    one = shown(tmp_path, DepthKind.AFFINE_DISPARITY)
    with pytest.raises(DataError, match="at least 3"):
        calibrate_shown(one, points_of(one.depth.values)[:2])
    with pytest.raises(DataError, match="at least 3"):
        calibrate_shown(one, [])
    with pytest.raises(ContractError, match="stereo_disparity"):
        calibrate_shown(shown(tmp_path, DepthKind.STEREO_DISPARITY), points_of(one.depth.values))


@pytest.mark.parametrize("depth_m", [0.0, -1.0, float("nan"), float("inf"), 20_000.0])
def test_known_point__refuses_distances_that_are_none(depth_m: float) -> None:
    with pytest.raises(DataError, match="above 0"):
        KnownPoint(x_px=0, y_px=0, depth_m=depth_m)
