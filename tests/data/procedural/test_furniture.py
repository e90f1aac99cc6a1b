# SPDX-License-Identifier: Apache-2.0
"""Furniture: every piece stands on its place and has the size of such a thing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from leadline.data.procedural.furniture import AGAINST_WALL, STANDING_FREE, chair, table
from leadline.data.procedural.solids import Place, SceneBuilder

PIECES = sorted(set(AGAINST_WALL + STANDING_FREE), key=lambda piece: piece.__name__)


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.__name__)
def test_piece__stands_on_its_place_and_is_no_larger_than_furniture(
    piece: Callable[[SceneBuilder, Place, Random], None],
) -> None:
    for seed in range(20):
        builder = SceneBuilder()
        piece(builder, Place(10, 2, 20, 0.4), Random(seed))
        corners = builder.tables()[0].corners_m().reshape(-1, 3)
        low, high = corners.min(0), corners.max(0)
        assert low[1] == pytest.approx(2, abs=1e-9)
        assert high[1] < 2 + 2.6
        assert (high - low)[[0, 2]].max() < 3.5
        assert abs((low + high)[[0, 2]] / 2 - [10, 20]).max() < 0.8


def test_table_and_chair__have_their_usual_heights() -> None:
    for piece, height in ((table, 0.74), (chair, 0.46)):
        builder = SceneBuilder()
        piece(builder, Place(0, 0, 0), Random(3))
        top = builder.tables()[0].corners_m()[0][:, 1].max()
        assert top == pytest.approx(height, abs=0.03)
