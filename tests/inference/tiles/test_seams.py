# SPDX-License-Identifier: Apache-2.0
"""How visible borders are."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.inference.tiles.seams import border_gradient_ratio, seam_ratio

RAMP = (np.arange(600)[:, None] * 0.5 + np.arange(40)[None] * 2.0).astype(np.float32)
EVERYWHERE = np.ones(RAMP.shape, bool)


def test_seam_ratio__is_one_where_a_border_is_like_any_other_line() -> None:
    assert seam_ratio(RAMP, EVERYWHERE, rows=[64, 100, 256, 257, 300], columns=[20]) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("border", [1, 63, 64, 65, 100, 512, 599])
def test_seam_ratio__sees_a_step_at_any_row_and_only_there(border: int) -> None:
    broken = RAMP.copy()
    broken[border:] += 1.0
    assert seam_ratio(broken, EVERYWHERE, rows=[border], columns=[]) == pytest.approx(1.5 / 0.5, rel=1e-3)
    beside = border + 1 if border < 599 else border - 1
    assert seam_ratio(broken, EVERYWHERE, rows=[beside], columns=[]) < 1.0  # type: ignore[operator]


def test_seam_ratio__sees_a_step_at_a_column_and_weighs_all_lines() -> None:
    broken = RAMP.copy()
    broken[:, 20:] += 2.0
    assert seam_ratio(broken, EVERYWHERE, rows=[], columns=[20]) == pytest.approx(2.0, rel=1e-3)
    assert seam_ratio(broken, EVERYWHERE, rows=[], columns=[10, 20]) == pytest.approx(1.5, rel=1e-3)


def test_seam_ratio__compares_with_what_is_near_not_with_the_whole() -> None:
    busy = RAMP.copy()
    busy[250:350] += np.random.default_rng(0).uniform(0, 50, (100, 40)).astype(np.float32)
    assert seam_ratio(busy, EVERYWHERE, rows=[300], columns=[]) == pytest.approx(1.0, abs=0.2)


def test_seam_ratio__never_reads_what_is_invalid() -> None:
    poisoned, valid = RAMP.copy(), EVERYWHERE.copy()
    poisoned[90:110, :20], valid[90:110, :20] = np.nan, False
    assert seam_ratio(poisoned, valid, rows=[100], columns=[20]) == pytest.approx(1.0, abs=1e-4)


def test_seam_ratio__of_a_constant_is_one_although_it_is_rounded() -> None:
    constant = np.full((40, 40), 3.7, np.float32)
    constant[20:] = np.nextafter(np.float32(3.7), np.float32(4))
    assert seam_ratio(constant, np.ones((40, 40), bool), rows=[20], columns=[]) == 1.0
    assert seam_ratio(np.zeros((40, 40), np.float32), np.ones((40, 40), bool), rows=[20], columns=[]) == 1.0


def test_seam_ratio__is_unknown_without_borders_or_without_valid_steps() -> None:
    assert seam_ratio(RAMP, EVERYWHERE, rows=[], columns=[]) is None
    assert seam_ratio(RAMP, ~EVERYWHERE, rows=[100], columns=[]) is None
    valid = EVERYWHERE.copy()
    valid[99:101] = False
    assert seam_ratio(RAMP, valid, rows=[100], columns=[]) is None


def test_border_gradient_ratio__is_one_of_a_plane_and_the_jump_of_a_step() -> None:
    slope = np.hypot(0.5, 2.0)
    assert border_gradient_ratio(RAMP, EVERYWHERE, rows=[1, 64, 65, 599], columns=[39]) == pytest.approx(1.0, abs=1e-4)
    for border in (63, 64, 65, 66, 598):
        broken = RAMP.copy()
        broken[border:] += 3.0
        found = border_gradient_ratio(broken, EVERYWHERE, rows=[border], columns=[])
        assert found == pytest.approx(np.hypot(3.5, 2.0) / slope, rel=1e-4)
        assert border_gradient_ratio(broken, EVERYWHERE, rows=[border - 1], columns=[]) < 1.0  # type: ignore[operator]
    broken = RAMP.copy()
    broken[:, 20:] += 2.0
    found = border_gradient_ratio(broken, EVERYWHERE, rows=[], columns=[20])
    assert found == pytest.approx(np.hypot(0.5, 4.0) / slope, rel=1e-4)


def test_border_gradient_ratio__counts_what_the_picture_shows_there_but_seam_ratio_does_not() -> None:
    steep_in_the_middle = np.cumsum(1 + 4 * (np.abs(np.arange(200) - 100) < 20), dtype=np.float32)
    values = np.repeat(steep_in_the_middle[:, None], 40, axis=1)
    everywhere = np.ones(values.shape, bool)
    assert border_gradient_ratio(values, everywhere, rows=[100], columns=[]) > 2.5  # type: ignore[operator]
    assert seam_ratio(values, everywhere, rows=[100], columns=[]) == pytest.approx(1.0)


def test_border_gradient_ratio__never_reads_what_is_invalid_and_is_unknown_without_gradients() -> None:
    poisoned, valid = RAMP.copy(), EVERYWHERE.copy()
    poisoned[90:110, :20], valid[90:110, :20] = np.nan, False
    assert border_gradient_ratio(poisoned, valid, rows=[100], columns=[20]) == pytest.approx(1.0, abs=1e-4)
    assert border_gradient_ratio(RAMP, EVERYWHERE, rows=[], columns=[]) is None
    assert border_gradient_ratio(RAMP, ~EVERYWHERE, rows=[100], columns=[]) is None
    constant = np.full((70, 70), 3.7, np.float32)
    assert border_gradient_ratio(constant, np.ones((70, 70), bool), rows=[64], columns=[]) == 1.0
