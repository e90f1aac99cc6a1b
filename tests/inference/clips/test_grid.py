# SPDX-License-Identifier: Apache-2.0
"""Frames on a coarse grid."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.inference.clips.grid import LONGER_SIDE, brightness, grid_size, likeness, sampled, still


def test_sampled__gives_values_the_map_has_and_their_validity() -> None:
    values = np.random.default_rng(0).normal(size=(300, 500)).astype(np.float32)
    valid = values > 0
    values[7, :] = np.inf
    cells, usable = sampled(DepthMap(values=values, valid=valid, kind=DepthKind.METRIC))
    assert cells.shape == usable.shape == grid_size(300, 500)
    assert max(cells.shape) == LONGER_SIDE
    assert np.isin(cells, values).all()
    assert (usable == (cells > 0) & np.isfinite(cells)).all()


def test_brightness__is_the_mean_of_each_cell() -> None:
    picture = np.zeros((2 * LONGER_SIDE, 2 * LONGER_SIDE, 3), np.uint8)
    picture[::2] = 200
    assert brightness(picture) == pytest.approx(100 / 255, abs=3e-3)


def test_still__sees_what_moved_and_not_what_the_exposure_did() -> None:
    before = np.linspace(0.2, 0.6, 400, dtype=np.float32).reshape(20, 20)
    now = before + 0.1
    now[3, 4] += 0.05
    quiet = still(before, now)
    assert not quiet[3, 4]
    assert quiet.sum() == 399


def test_likeness__is_one_for_the_same_scene_and_low_for_another() -> None:
    one, other = np.random.default_rng(0).random((2, 20, 20), np.float32)
    assert likeness(one, 0.5 * one + 0.1) == pytest.approx(1.0, abs=1e-5)
    assert abs(likeness(one, other)) < 0.3
    assert likeness(np.ones((4, 4), np.float32), np.ones((4, 4), np.float32)) == 1.0
