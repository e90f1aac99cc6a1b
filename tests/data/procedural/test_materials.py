# SPDX-License-Identifier: Apache-2.0
"""Materials: tables keep their order; drawn patterns have real-world sizes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from leadline.data.procedural.materials import (
    Material,
    MaterialTable,
    Texture,
    draw_colour,
    draw_facade,
    draw_floor,
    draw_masonry,
    draw_object,
    draw_pavement,
    draw_wall,
    draw_wood,
    shade_of,
)


def test_table__keeps_colours_and_sizes_in_order() -> None:
    first = Material(colour=(0.1, 0.2, 0.3), second=(0.4, 0.4, 0.4), period_m=(2, 3), grain=0.7)
    table = MaterialTable.of([first, Material(colour=(1, 1, 1), texture=Texture.BRICKS, glow=2)])
    assert np.allclose(table.colour[:, 0], [0.1, 0.2, 0.3])
    assert np.allclose(table.step[:, 0], [0.3, 0.2, 0.1])
    assert table.period_m[:, 0].tolist() == [2, 3]
    assert table.texture.tolist() == [Texture.PLAIN, Texture.BRICKS]
    assert table.glow.tolist() == [0, 2]


@pytest.mark.parametrize("draw", [draw_facade, draw_floor, draw_masonry, draw_object, draw_pavement, draw_wall, draw_wood])
def test_drawn_material__is_a_possible_surface_of_plausible_size(draw: Callable[[Random], Material]) -> None:
    for seed in range(60):
        material = draw(Random(seed))
        assert all(0 <= channel <= 1 for channel in (*material.colour, *material.second))
        assert all(0.03 <= period <= 3.4 for period in material.period_m)
        assert material.grain >= 0


def test_facade__has_storeys_of_about_three_metres() -> None:
    periods = [draw_facade(Random(seed)).period_m[1] for seed in range(50)]
    assert min(periods) >= 2.8
    assert max(periods) <= 3.3


def test_draw_colour__keeps_brightness_and_saturation_in_bounds() -> None:
    for seed in range(100):
        colour = draw_colour(Random(seed), light=(0.4, 0.8), saturation=0.25)
        assert 0.4 <= max(colour) <= 0.8
        assert min(colour) >= 0.75 * max(colour) - 1e-9


def test_shade_of__stays_a_colour() -> None:
    assert shade_of((0.2, 0.5, 0.9), 2) == (0.4, 1.0, 1.0)
