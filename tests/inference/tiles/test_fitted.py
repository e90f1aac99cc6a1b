# SPDX-License-Identifier: Apache-2.0
"""Tiles brought to the numbers of the global pass."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.inference.tiles.cell_means import cell_means
from leadline.inference.tiles.fitted import fit_tile

SCENE = np.random.default_rng(0).uniform(2, 9, (80, 120)).astype(np.float32)
REFERENCE = cell_means(SCENE, np.ones(SCENE.shape, bool), cell_px=4)
TOP, LEFT, SIDE = 17, 33, 40
PIECE = SCENE[TOP : TOP + SIDE, LEFT : LEFT + SIDE]


def tile(values: NDArray[np.floating], kind: DepthKind = DepthKind.AFFINE_DISPARITY) -> DepthMap:
    return DepthMap(values=values.astype(np.float32), valid=np.isfinite(values), kind=kind)


@pytest.mark.parametrize("kind", [DepthKind.AFFINE_DISPARITY, DepthKind.AFFINE_DEPTH])
def test_fit_tile__takes_factor_and_offset_from_affine_kinds(kind: DepthKind) -> None:
    fitted, fit = fit_tile(tile(PIECE * 3 - 50, kind), REFERENCE, top=TOP, left=LEFT)
    np.testing.assert_allclose(fitted.values, PIECE, atol=1e-4)
    assert fit is not None
    assert fit.explained == pytest.approx(1.0)


@pytest.mark.parametrize("kind", [DepthKind.METRIC, DepthKind.SCALE_INVARIANT])
def test_fit_tile__takes_a_factor_from_depth_and_leaves_its_shape(kind: DepthKind) -> None:
    fitted, _ = fit_tile(tile(PIECE * 3, kind), REFERENCE, top=TOP, left=LEFT)
    np.testing.assert_allclose(fitted.values, PIECE, rtol=1e-5)
    shifted, fit = fit_tile(tile(PIECE + 100, kind), REFERENCE, top=TOP, left=LEFT)
    assert fit is not None
    assert fit.shift == 0.0
    assert (shifted.values > 0).all()


def test_fit_tile__takes_broad_disagreement_from_the_pass_and_keeps_thin_detail() -> None:
    slope = np.add.outer(np.arange(80.0), np.arange(120.0)).astype(np.float32)
    reference = cell_means(slope, np.ones(slope.shape, bool), cell_px=4)
    truth = slope[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    wrong, detail = truth.copy(), truth.copy()
    wrong[:, 24:] += 30.0  # four cells, more than half of the window
    detail[:, 10:14] += 30.0  # one cell
    for kind in (DepthKind.AFFINE_DISPARITY, DepthKind.METRIC):
        broad, _ = fit_tile(tile(wrong, kind), reference, top=TOP, left=LEFT)
        thin, _ = fit_tile(tile(detail, kind), reference, top=TOP, left=LEFT)
        assert np.abs(broad.values - truth)[:, 30:].max() < 6.0
        np.testing.assert_allclose(thin.values, detail, atol=1.0)


def test_fit_tile__that_contradicts_the_pass_becomes_the_pass() -> None:
    for contradiction in (-PIECE, np.full_like(PIECE, 4.0), np.random.default_rng(1).uniform(2, 9, PIECE.shape)):
        fitted, fit = fit_tile(tile(contradiction), REFERENCE, top=TOP, left=LEFT)
        smooth, _ = REFERENCE.smooth(top=TOP, left=LEFT, height=SIDE, width=SIDE)
        assert fit is None
        np.testing.assert_array_equal(fitted.values, smooth)
        assert fitted.valid.all()


def test_fit_tile__never_reads_invalid_pixels_and_keeps_them_invalid() -> None:
    poisoned = PIECE * 3 - 50
    poisoned[5:12, 5:20] = np.nan
    fitted, _ = fit_tile(tile(poisoned), REFERENCE, top=TOP, left=LEFT)
    assert (fitted.valid == np.isfinite(poisoned)).all()
    np.testing.assert_allclose(fitted.values[fitted.valid], PIECE[fitted.valid], atol=1e-4)


def test_fit_tile__where_the_pass_says_nothing_only_kinds_without_free_numbers_stay() -> None:
    silent = cell_means(SCENE, np.zeros(SCENE.shape, bool), cell_px=4)
    metres, fit = fit_tile(tile(PIECE, DepthKind.METRIC), silent, top=TOP, left=LEFT)
    assert fit is None
    np.testing.assert_array_equal(metres.values, PIECE)
    assert metres.valid.all()
    assert not fit_tile(tile(PIECE), silent, top=TOP, left=LEFT)[0].valid.any()
