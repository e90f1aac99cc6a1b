# SPDX-License-Identifier: Apache-2.0
"""Where tiles lie and how much each counts."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.inference.tiles.grid import OVERLAP, tile_axis, tile_grid


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 40, 56, 57, 99, 640, 4000])
@pytest.mark.parametrize("side", [32, 33, 100])
def test_tile_axis__covers_everything_evenly_with_the_overlap_and_nothing_beyond(length: int, side: int) -> None:
    axis = tile_axis(length, side)
    assert axis.tile_px == min(side, length)
    assert axis.starts_px[0] == 0
    assert axis.starts_px[-1] == length - axis.tile_px
    steps = np.diff(axis.starts_px)
    if len(steps):
        assert steps.max() <= axis.tile_px - OVERLAP * axis.tile_px + 1
        assert steps.max() - steps.min() <= 1
        fewer = len(steps)  # tiles, one less than there are
        assert fewer * side - (fewer - 1) * np.ceil(OVERLAP * side) < length


@pytest.mark.parametrize("length", [1, 33, 57, 101, 640])
def test_weights__sum_to_one_and_are_never_nothing(length: int) -> None:
    axis = tile_axis(length, 32)
    total = np.zeros(length)
    for start, weight in zip(axis.starts_px, axis.weights(), strict=True):
        assert weight.dtype == np.float32
        assert (weight > 0).all()
        total[start : start + axis.tile_px] += weight
    np.testing.assert_allclose(total, 1.0, atol=1e-6)


def test_weights__start_from_next_to_nothing_inside_the_picture_and_from_one_at_its_edge() -> None:
    first, second = tile_axis(160, 100).weights()
    assert first[0] == 1.0
    assert first[-1] < 0.001
    assert second[0] < 0.001
    assert second[-1] == 1.0
    assert np.abs(np.diff(first)).max() < 0.05  # over 40 shared pixels: no step


def test_borders__are_where_tiles_begin_and_end_inside_the_picture() -> None:
    assert tile_axis(160, 100).borders_px() == [60, 100]
    assert tile_axis(90, 100).borders_px() == []


def test_tile_grid__counts_rows_times_columns() -> None:
    grid = tile_grid((100, 160), 100)
    assert (len(grid.rows.starts_px), len(grid.columns.starts_px), grid.count) == (1, 2, 2)
