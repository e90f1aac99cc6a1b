# SPDX-License-Identifier: Apache-2.0
"""The crops: their boxes on the sizes they were drawn for, and the refusal of others."""

import pytest

from leadline.contracts.errors import ContractError
from leadline.evaluation.crops import CROPS, EIGEN, EIGEN_ANY_SIZE, FULL, GARG, KITTI_EIGEN


def test_eigen__has_238560_pixels_on_nyu() -> None:
    mask = EIGEN.mask(480, 640)
    assert int(mask.sum()) == 238_560
    assert mask[45, 41]
    assert mask[470, 600]
    assert not mask[44, 41]
    assert not mask[45, 40]
    assert not mask[471, 600]
    assert not mask[470, 601]


def test_eigen__refuses_pictures_it_was_not_drawn_for() -> None:
    with pytest.raises(ContractError, match=r"480x640.*got 240x320"):
        EIGEN.mask(240, 320)


def test_eigen_any_size__lays_the_same_box_everywhere() -> None:
    assert EIGEN_ANY_SIZE.box(530, 730) == (45, 471, 41, 601)
    assert EIGEN_ANY_SIZE.box(427, 561) == (45, 427, 41, 561)


def test_garg__is_the_known_box_of_kitti() -> None:
    assert GARG.box(352, 1216) == (143, 349, 43, 1172)


def test_kitti_eigen__is_the_known_box_of_kitti() -> None:
    assert KITTI_EIGEN.box(375, 1242) == (124, 342, 44, 1197)


def test_full__is_everything() -> None:
    assert FULL.mask(3, 5).all()


@pytest.mark.parametrize("name", CROPS)
def test_crops__are_filed_under_their_name_with_a_source(name: str) -> None:
    assert CROPS[name].name == name
    assert CROPS[name].source
