# SPDX-License-Identifier: Apache-2.0
"""Textures: patterns have their size in metres, fade from afar, and keep their mean."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from leadline.data.procedural.materials import Material, MaterialTable, Texture
from leadline.data.procedural.textures import albedo, grain

SIDE = 256


def painted(texture: Texture, *, footprint_m: float, grain: float = 0.0, metres: float = 8.0) -> NDArray[np.float32]:
    """(SIDE, SIDE) red channel of a black and white material with periods of 1 m across and 2 m up."""
    table = MaterialTable.of(
        [Material(colour=(0, 0, 0), second=(1, 1, 1), texture=texture, period_m=(1.0, 2.0), grain=grain)]
    )
    axis = ((np.arange(SIDE) + 0.5) / SIDE * metres).astype(np.float32)
    v_m, u_m = (grid.ravel() for grid in np.meshgrid(axis, axis, indexing="ij"))
    material = np.zeros(SIDE * SIDE, np.int32)
    colour = albedo(table, material, u_m, v_m, np.full(SIDE * SIDE, footprint_m, np.float32))
    red: NDArray[np.float32] = colour[0].reshape(SIDE, SIDE)
    return red


@pytest.mark.parametrize("texture", [Texture.CHECKER, Texture.STRIPES, Texture.BRICKS, Texture.PLANKS, Texture.WINDOWS])
def test_pattern__shows_near_and_fades_to_its_mean_from_afar(texture: Texture) -> None:
    near, far = painted(texture, footprint_m=0.001), painted(texture, footprint_m=5.0)
    assert near.std() > 0.1
    assert far.std() == pytest.approx(0, abs=1e-6)
    assert far.mean() == pytest.approx(near.mean(), abs=0.13)


def test_stripes__change_every_half_period() -> None:
    row = painted(Texture.STRIPES, footprint_m=0.001)[0]
    assert np.abs(np.diff(row)).sum() == pytest.approx(15)  # 8 m, two edges per metre, less the border


def test_checker__is_the_other_colour_half_a_period_on_either_axis() -> None:
    board = painted(Texture.CHECKER, footprint_m=0.001)
    assert np.array_equal(board[:, :-16], 1 - board[:, 16:])  # 16 of 256 px = 0.5 m
    assert np.array_equal(board[:-32], 1 - board[32:])


def test_windows__repeat_per_storey_and_stand_in_walls() -> None:
    front = painted(Texture.WINDOWS, footprint_m=0.001)
    assert ((front > 0.5).any(0) == (front[:64] > 0.5).any(0)).all()  # 64 px = one storey of 2 m
    assert 0.15 < (front > 0.5).mean() < 0.45
    assert front[:, ::32].max() == 0  # between two windows


def test_road__has_dashed_lines_one_lane_apart() -> None:
    road = painted(Texture.ROAD, footprint_m=0.001)
    lines = np.flatnonzero(road.max(0) > 0.5)
    assert set(np.round(lines * 8 / SIDE).astype(int)) == set(range(9))
    assert 0.4 < road[:, lines[0]].mean() < 0.6


def test_plain__is_its_first_colour_and_gradient_rises() -> None:
    assert painted(Texture.PLAIN, footprint_m=0.001).max() == 0
    column = painted(Texture.GRADIENT, footprint_m=0.001)[:, 0]
    assert (np.diff(column) >= 0).all()
    assert column[-1] > column[0]


def test_grain__has_no_mean_and_calms_down_with_distance() -> None:
    source = np.random.default_rng(0)
    u_m, v_m = source.uniform(0, 50, (2, 40000)).astype(np.float32)
    spread = [grain(u_m, v_m, np.full(40000, size, np.float32)).std() for size in (0.001, 0.1, 0.8)]
    assert spread[0] > spread[1] > spread[2] > 0.01
    assert abs(grain(u_m, v_m, np.full(40000, 0.001, np.float32)).mean()) < 0.05


def test_grain__of_close_points_is_alike_and_negative_coordinates_are_sound() -> None:
    axis = np.linspace(-3, -2, 400, dtype=np.float32)
    values = grain(axis, np.full_like(axis, -7.5), np.full_like(axis, 0.001))
    assert np.abs(np.diff(values)).mean() < 0.3 * np.abs(values[:-50] - values[50:]).mean()
