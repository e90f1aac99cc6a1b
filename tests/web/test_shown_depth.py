# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.web.limits import Limits
from leadline.web.shown_depth import as_predicted, predict_upload, summary, value_at
from tests.web.pictures import HOLE, ramp, shown, upload


def test_predict_upload__keeps_picture_depth_and_what_made_it(tmp_path: Path) -> None:
    one = shown(tmp_path)
    assert (one.name, one.rgb.shape, one.depth.values.shape) == ("my photo", (40, 60, 3), (40, 60))
    assert one.depth is one.predicted
    assert one.description["model"] == "a formula"
    assert "tiling" not in one.description


def test_predict_upload__tiles_what_it_is_told_to_and_counts(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    one = predict_upload(
        ramp(), upload(tmp_path, 520, 700), tile="512", limits=Limits(), on_tile=lambda *tiles: told.append(tiles)
    )
    assert told == [(index, told[-1][1]) for index in range(1, told[-1][1] + 1)]
    assert len(told) == 4
    assert one.description["tiling"]["rows"] == 2
    assert summary(one).endswith("s, 4 tiles")
    assert summary(one).startswith("700 × 520 pixels, ")


def test_predict_upload__stops_between_tiles_when_the_time_is_up(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 of 4 tiles"):
        predict_upload(ramp(), upload(tmp_path, 520, 700), tile="512", limits=Limits(time_s=1e-9))


@pytest.mark.parametrize("tile", ["", "7", "big", "../etc"])
def test_predict_upload__refuses_tiles_that_the_page_does_not_offer(tile: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="auto, off"):
        predict_upload(ramp(), upload(tmp_path), tile=tile, limits=Limits())


@pytest.mark.parametrize(
    ("kind", "said"),
    [(DepthKind.METRIC, "3.04 m"), (DepthKind.STEREO_DISPARITY, "3.04 px"), (DepthKind.AFFINE_DISPARITY, "3.04 (no unit)")],
)
def test_value_at__says_the_number_of_column_and_row_with_its_unit(kind: DepthKind, said: str, tmp_path: Path) -> None:
    assert value_at(shown(tmp_path, kind), 20, 4) == said


def test_value_at__says_that_there_is_none(tmp_path: Path) -> None:
    one = shown(tmp_path)
    assert value_at(one, HOLE[1], HOLE[0]) == "no depth here"
    poisoned = one.depth.values.copy()
    poisoned[0, 0] = np.inf
    assert value_at(replace(one, depth=replace(one.depth, values=poisoned)), 0, 0) == "no depth here"


@pytest.mark.parametrize(("x_px", "y_px"), [(-1, 0), (60, 0), (0, 40), (0, -1)])
def test_value_at__refuses_pixels_outside(x_px: int, y_px: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="60x40"):
        value_at(shown(tmp_path), x_px, y_px)


def test_as_predicted__takes_back_what_was_calibrated(tmp_path: Path) -> None:
    one = shown(tmp_path)
    changed = replace(
        one, depth=replace(one.depth, kind=DepthKind.AFFINE_DEPTH), description={**one.description, "page_calibration": {}}
    )
    assert as_predicted(changed) == one
