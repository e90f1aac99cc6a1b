# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest

from leadline.geometry.multiples import ceil_division, nearest_multiple, nearest_multiples
from tests.shared_paths import shared


@pytest.mark.parametrize(
    ("side_px", "expected"), [(384, 378), (518, 518), (371, 364), (385, 392), (391, 392), (1, 14), (0, 14)]
)
def test_nearest_multiple__rounds_halves_to_even_and_never_reaches_zero(side_px: int, expected: int) -> None:
    assert nearest_multiple(side_px, 14) == expected


@pytest.mark.parametrize("multiple", [1, 13, 14, 32])
def test_nearest_multiple__rounds_as_numpy_does(multiple: int) -> None:
    for side_px in range(multiple, 700):
        assert nearest_multiple(side_px, multiple) == int(np.round(side_px / multiple) * multiple)


def test_nearest_multiple__is_the_official_rule_wherever_it_need_not_round_up() -> None:
    with np.load(shared("fixtures/infer_image_sizes.npz")) as stored:
        rows = stored["rows"].tolist()
    halves = 0
    for side_px, height, width, *official in rows:
        wanted = [max(side_px / height, side_px / width) * one for one in (height, width)]
        for one, expected in zip(wanted, official, strict=True):
            halves += one % 14 == 7
            assert nearest_multiple(one, 14) == expected or nearest_multiple(one, 14) < side_px
    assert halves  # 256 x 832 at 252 becomes 819, which is half-way between 812 and 826


def test_nearest_multiples__round_height_and_width_apart() -> None:
    assert nearest_multiples((384, 768), 14) == (378, 770)
    assert nearest_multiples((518, 1), 14) == (518, 14)
    assert nearest_multiples((385, 391), 14) == (392, 392)


@pytest.mark.parametrize("by", [1, 2, 7, 16])
def test_ceil_division__rounds_up(by: int) -> None:
    for number in range(1, 200):
        assert ceil_division(number, by) == math.ceil(number / by)


def test_ceil_division__never_divides_a_negative_number() -> None:
    class Watched(int):
        def __neg__(self) -> int:
            raise AssertionError

    assert ceil_division(Watched(154), 16) == 10
