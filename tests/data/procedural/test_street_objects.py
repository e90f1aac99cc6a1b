# SPDX-License-Identifier: Apache-2.0
"""Street objects: they stand on their place with the size of such things."""

from __future__ import annotations

from random import Random

import pytest

from leadline.data.procedural import street_objects
from leadline.data.procedural.solids import Place, SceneBuilder

HEIGHTS_M = {
    "car": (1.3, 2.3),
    "person": (1.5, 1.95),
    "tree": (2.5, 6.5),
    "lamp_post": (5, 8.1),
    "sign": (2.5, 2.75),
    "railing": (0.9, 1.15),
    "bollard": (0.8, 1.0),
    "bin_box": (1.0, 1.1),
    "low_wall": (0.5, 1.2),
}


@pytest.mark.parametrize("name", HEIGHTS_M)
def test_object__stands_on_its_place_and_has_its_usual_height(name: str) -> None:
    low_m, high_m = HEIGHTS_M[name]
    for seed in range(20):
        builder = SceneBuilder()
        getattr(street_objects, name)(builder, Place(1, 0.13, 9, 0.3), Random(seed))
        heights = builder.tables()[0].corners_m()[..., 1] - 0.13
        assert heights.min() == pytest.approx(0, abs=1e-6)
        assert low_m - 1e-6 <= heights.max() <= high_m + 1e-6


def test_wire__joins_two_places_at_one_height() -> None:
    builder = SceneBuilder()
    street_objects.wire(builder, Place(1, 0, 2), Place(4, 0, 6), 4.8)
    table, _ = builder.tables()
    assert table.centre_m[0].tolist() == pytest.approx([2.5, 4.8, 4])
    assert 2 * table.half_m[0, 0] == pytest.approx(5)
    assert (table.cosine[0], table.sine[0]) == pytest.approx((0.6, 0.8))
