# SPDX-License-Identifier: Apache-2.0
"""Means of cells."""

from __future__ import annotations

import numpy as np

from leadline.inference.tiles.cell_means import cell_means

MAP = np.random.default_rng(0).normal(size=(23, 31)).astype(np.float32)
EVERYWHERE = np.ones(MAP.shape, bool)


def test_cell_means__are_means_and_leave_out_what_does_not_fill_a_cell() -> None:
    means = cell_means(MAP, EVERYWHERE, cell_px=5)
    assert means.values.shape == (4, 6)
    np.testing.assert_allclose(means.values[2, 3], MAP[10:15, 15:20].mean(dtype=np.float64), rtol=1e-12)
    assert means.valid.all()


def test_cell_means__of_a_piece_are_those_of_the_whole() -> None:
    whole = cell_means(MAP, EVERYWHERE, cell_px=4)
    piece = cell_means(MAP[3:20, 6:29], EVERYWHERE[3:20, 6:29], cell_px=4, top=3, left=6)
    assert piece.first == (1, 2)
    assert piece.values.shape == (4, 5)
    np.testing.assert_array_equal(piece.values, whole.beside(piece).values)


def test_cell_means__never_read_what_is_invalid() -> None:
    poisoned, valid = MAP.copy(), EVERYWHERE.copy()
    poisoned[5:8, 5:10], valid[5:8, 5:10] = np.nan, False  # 15 of 25
    poisoned[5:7, 10:15], valid[5:7, 10:15] = np.nan, False  # 10 of 25
    means = cell_means(poisoned, valid, cell_px=5)
    assert not means.valid[1, 1]
    assert means.valid.sum() == means.valid.size - 1
    np.testing.assert_allclose(means.values[1, 2], MAP[7:10, 10:15].mean(dtype=np.float64), rtol=1e-12)
    assert np.isfinite(means.values).all()


def test_cell_means__of_a_piece_smaller_than_a_cell_are_none() -> None:
    assert cell_means(MAP[:3, :3], EVERYWHERE[:3, :3], cell_px=4, top=1, left=1).values.size == 0


def test_smooth__draws_a_plane_as_it_is_and_level_beyond_the_last_cells() -> None:
    plane = (np.arange(24)[:, None] + 2.0 * np.arange(40)[None]).astype(np.float32)
    means = cell_means(plane, np.ones(plane.shape, bool), cell_px=4)
    values, valid = means.smooth(top=5, left=7, height=10, width=20)
    np.testing.assert_allclose(values, plane[5:15, 7:27], atol=1e-4)
    assert valid.all()
    corner, _ = means.smooth(top=0, left=0, height=2, width=2)
    np.testing.assert_allclose(corner, means.values[0, 0])


def test_smooth__of_a_piece_lies_where_the_piece_lies() -> None:
    plane = (np.arange(24)[:, None] + 2.0 * np.arange(40)[None]).astype(np.float32)
    piece = cell_means(plane[8:], np.ones((16, 40), bool), cell_px=4, top=8)
    values, _ = piece.smooth(top=12, left=10, height=4, width=4)
    np.testing.assert_allclose(values, plane[12:16, 10:14], atol=1e-4)


def test_smooth__is_invalid_between_cells_that_are() -> None:
    valid = EVERYWHERE.copy()
    valid[:, 15:20] = False
    values, sound = cell_means(MAP, valid, cell_px=5).smooth(top=0, left=0, height=20, width=30)
    assert not sound[:, 14:21].any()
    assert sound[:, :12].all()
    assert np.isfinite(values).all()


def test_smooth__takes_a_single_cell() -> None:
    values, valid = cell_means(MAP[:4, :4], EVERYWHERE[:4, :4], cell_px=4).smooth(top=0, left=0, height=4, width=4)
    np.testing.assert_allclose(values, MAP[:4, :4].mean(), rtol=1e-6)
    assert valid.all()
