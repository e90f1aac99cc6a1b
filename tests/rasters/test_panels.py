# SPDX-License-Identifier: Apache-2.0
"""Pictures side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError
from leadline.rasters.colour import INVALID_GREY, Ramp, colourise
from leadline.rasters.panels import (
    LEGIBLE_WIDTH_PX,
    captioned,
    comparison,
    enlarged,
    enlarged_points,
    tile,
    write_picture,
)


def plain(height: int, width: int, level: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


def depth_map(low: float = 1.0, *, kind: DepthKind = DepthKind.METRIC) -> DepthMap:
    values = np.linspace(low, low + 4.0, 96 * 128, dtype=np.float32).reshape(96, 128)
    return DepthMap(values=values, valid=np.ones((96, 128), bool), kind=kind)


def test_tile__puts_pictures_where_rows_and_columns_say() -> None:
    grid = tile([[plain(10, 20, 1), plain(10, 30, 2)], [plain(5, 20, 3)]], pad=4)
    assert grid.shape == (4 + 10 + 4 + 5 + 4, 4 + 20 + 4 + 30 + 4, 3)
    assert (grid[4:14, 4:24] == 1).all()
    assert (grid[4:14, 28:58] == 2).all()
    assert (grid[18:23, 4:24] == 3).all()
    assert (grid[18:23, 28:58] == 255).all()
    assert (grid[:4] == 255).all()


def test_tile__aligns_columns_by_their_widest_picture() -> None:
    grid = tile([[plain(5, 10, 1), plain(5, 5, 2)], [plain(5, 40, 3), plain(5, 5, 4)]], pad=2)
    assert (grid[2:7, 44:49] == 2).all()
    assert (grid[9:14, 44:49] == 4).all()


def test_tile__writes_titles_above_their_columns_only_when_there_are_any() -> None:
    rows = [[plain(50, 200, 9), plain(50, 200, 9)]]
    bare, titled = tile(rows, pad=4), tile(rows, titles=["", "truth"], pad=4)
    header = titled.shape[0] - bare.shape[0]
    assert header > 0
    assert (titled[: header + 4, :204] == 255).all()
    assert (titled[: header + 4, 204:] < 100).any()


def test_tile__of_nothing_is_an_empty_sheet() -> None:
    assert (tile([], pad=3) == 255).all()


def test_captioned__adds_a_strip_with_text_and_keeps_the_picture() -> None:
    shown = captioned(plain(40, 100, 7), "a caption")
    strip = shown.shape[0] - 40
    assert (shown[strip:] == 7).all()
    assert (shown[:strip] < 100).any()
    assert (shown[:strip] < 100).any(axis=(0, 2)).argmax() < 10  # the text begins at the left edge


def test_enlarged__repeats_pixels_until_legible() -> None:
    small = np.arange(2 * 100 * 3, dtype=np.uint8).reshape(2, 100, 3)
    large = enlarged(small)
    assert large.shape == (8, 400, 3)
    assert (large[::4, ::4] == small).all()
    assert enlarged(plain(5, LEGIBLE_WIDTH_PX - 1, 0)).shape == (10, 2 * LEGIBLE_WIDTH_PX - 2, 3)
    assert enlarged(plain(5, LEGIBLE_WIDTH_PX, 0)).shape == (5, LEGIBLE_WIDTH_PX, 3)


def test_comparison__shows_truth_and_prediction_on_one_scale() -> None:
    truth, prediction = depth_map(1.0), depth_map(1.0)
    sheet = comparison(plain(96, 128, 0), truth, prediction, low=0.0, high=6.0)
    panel = enlarged(colourise(truth.values, truth.valid, low=0.0, high=6.0))
    found = find(sheet, panel)
    assert len(found) == 2  # the same colours for the same metres
    assert found[0][0] == found[1][0]  # on one line


def test_comparison__shows_the_absolute_error() -> None:
    truth, prediction = depth_map(1.0), depth_map(1.0)
    prediction = replace(prediction, values=prediction.values + np.where(np.arange(128) < 64, -0.25, 1.0).astype(np.float32))
    sheet = comparison(plain(96, 128, 0), truth, prediction, low=0.0, high=6.0)
    error = np.where(np.arange(128) < 64, 0.25, 1.0)[None].repeat(96, 0)
    assert len(find(sheet, enlarged(colourise(error, truth.valid, low=0.0, high=1.0, ramp=Ramp.ERROR)))) == 1


def test_comparison__never_reads_invalid_values() -> None:
    truth = depth_map()
    hole = np.ones((96, 128), bool)
    hole[10:40, 10:60] = False
    for poison in (np.nan, 3.0, 1e30):
        poisoned = replace(truth, values=np.where(hole, truth.values, np.float32(poison)), valid=hole)
        for pair in ((poisoned, truth), (truth, poisoned)):
            sheet = comparison(plain(96, 128, 0), *pair, low=0.0, high=6.0)
            grey = (sheet == INVALID_GREY).all(axis=-1).sum()
            assert grey >= 2 * 30 * 50 * 9  # in that map and in the error, three times enlarged


def test_comparison__without_truth_has_two_panels() -> None:
    both = comparison(plain(96, 128, 0), depth_map(), depth_map(), low=0.0, high=6.0)
    alone = comparison(plain(96, 128, 0), None, depth_map(), low=0.0, high=6.0)
    assert alone.shape[1] == pytest.approx(both.shape[1] / 2, abs=8)


def test_comparison__of_disparity_shows_near_as_warm() -> None:
    shown = depth_map(kind=DepthKind.AFFINE_DISPARITY)
    sheet = comparison(plain(96, 128, 0), None, shown, low=1.0, high=5.0)
    panel = enlarged(colourise(shown.values, shown.valid, low=1.0, high=5.0, ramp=Ramp.DISPARITY))
    assert len(find(sheet, panel)) == 1


def test_comparison__refuses_different_claims_and_sizes() -> None:
    with pytest.raises(ContractError, match="align"):
        comparison(plain(96, 128, 0), depth_map(), depth_map(kind=DepthKind.AFFINE_DISPARITY), low=0.0, high=1.0)
    with pytest.raises(ContractError, match="picture"):
        comparison(plain(96, 127, 0), None, depth_map(), low=0.0, high=1.0)
    small = DepthMap(values=np.ones((4, 4), np.float32), valid=np.ones((4, 4), bool), kind=DepthKind.METRIC)
    with pytest.raises(ContractError, match="truth"):
        comparison(plain(96, 128, 0), small, depth_map(), low=0.0, high=1.0)


def points(*places: tuple[int, int], size: tuple[int, int] = (40, 600)) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """NaN but for the places, which are 1, 2, ..."""
    values = np.full(size, np.nan, np.float32)
    for number, place in enumerate(places, 1):
        values[place] = number
    return values, np.isfinite(values)


def test_enlarged_points__each_is_a_square_a_sixtieth_of_the_width_at_most() -> None:
    values, drawn = enlarged_points(*points((20, 100), (20, 300)))
    assert drawn.sum() == 2 * 9 * 9  # 600 / 60, and a middle
    assert (values[16:25, 96:105] == 1).all()
    assert (values[16:25, 296:305] == 2).all()
    assert not values[~drawn].any()


def test_enlarged_points__where_squares_meet_the_nearer_point_wins_and_edges_cut() -> None:
    for first, second in (((0, 2), (3, 5)), ((3, 5), (0, 2))):
        values, drawn = enlarged_points(*points(first, second))
        assert values[first] == 1
        assert values[second] == 2
        assert values[0, 0] == values[first if first == (0, 2) else second]
        assert values[4, 6] == values[(3, 5)]
        assert drawn.shape == (40, 600)


def test_enlarged_points__are_no_wider_than_they_are_apart() -> None:
    valid = np.zeros((60, 600), bool)
    valid[::5, ::5] = True  # 4 % as a laser has them: one of 25
    assert enlarged_points(np.ones((60, 600)), valid)[1][:58, :598].all()
    valid[::5, 1::5] = True
    drawn = enlarged_points(np.ones((60, 600)), valid)[1]  # 8 %: 3.5 apart
    assert not drawn[3::5].any()
    assert drawn[:2, :3].all()


def test_enlarged_points__dense_maps_and_empty_ones_stay() -> None:
    for valid in (
        np.ones((4, 9), bool),
        np.arange(40).reshape(4, 10) % 10 == 0,
        np.zeros((4, 9), bool),
        np.zeros((0, 0), bool),
    ):
        values = np.full(valid.shape, 3.0)
        assert enlarged_points(values, valid)[0] is values
        assert enlarged_points(values, valid)[1] is valid


def test_comparison__enlarges_sparse_truth_and_its_error_but_not_their_scales() -> None:
    values, valid = points((20, 100), (20, 300))
    truth = DepthMap(values=values, valid=valid, kind=DepthKind.METRIC)
    prediction = DepthMap(values=np.full((40, 600), 1.5, np.float32), valid=np.ones((40, 600), bool), kind=DepthKind.METRIC)
    sheet = comparison(plain(40, 600, 0), truth, prediction, low=1.0, high=2.0)
    assert len(find(sheet, colourise(*enlarged_points(values, valid), low=1.0, high=2.0))) == 1
    error = enlarged_points(np.abs(values - 1.5), valid)
    assert len(find(sheet, colourise(*error, low=0.0, high=0.505, ramp=Ramp.ERROR))) == 1


def test_write_picture__is_read_back_unchanged(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    write_picture(tmp_path / "new" / "a.png", picture)
    assert (np.asarray(Image.open(tmp_path / "new" / "a.png")) == picture).all()
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.png"]


def find(sheet: NDArray[np.uint8], panel: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Every place (row, column) at which the panel stands in the sheet, pixel for pixel."""
    height, width = panel.shape[:2]
    starts = np.argwhere((sheet[: -height + 1, : -width + 1] == panel[0, 0]).all(axis=-1))
    return [(int(r), int(c)) for r, c in starts if (sheet[r : r + height, c : c + width] == panel).all()]
