# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from leadline.contracts.errors import DataError, UsageError
from leadline.inference.stereo.network_sizes import nominal_settings, seen_size

KITTI = (384, 1280)


@pytest.mark.parametrize("size", [(375, 1242), (370, 1224), (374, 1238), (370, 1226), (376, 1241)])
def test_seen_size__every_picture_of_kitti_is_seen_as_in_training(size: tuple[int, int]) -> None:
    assert seen_size(size, KITTI, None) == KITTI


def test_seen_size__other_proportions_are_kept_with_the_shorter_side_of_training() -> None:
    assert seen_size((540, 960), KITTI, None) == (384, 672)
    assert seen_size((960, 540), KITTI, None) == (672, 384)
    assert seen_size((400, 1120), KITTI, None) == (384, 1088)
    assert seen_size((300, 1195), KITTI, None) == (384, 1536)


def test_seen_size__a_size_that_was_asked_for_wins() -> None:
    assert seen_size((375, 1242), KITTI, 192) == (192, 640)


def test_seen_size__without_a_recorded_size_the_pictures_own_counts() -> None:
    assert seen_size((200, 330), None, None) == (192, 320)
    assert seen_size((8, 8), None, None) == (32, 32)


def test_seen_size__a_recorded_size_that_is_no_multiple_is_brought_to_one() -> None:
    assert seen_size((378, 1260), (378, 1260), None) == (384, 1248)


def test_seen_size__refuses_what_no_network_holds() -> None:
    with pytest.raises(DataError, match="at most 16000000"):
        seen_size((2, 60000), KITTI, None)
    with pytest.raises(UsageError, match="at least one pixel"):
        seen_size((375, 1242), KITTI, 0)


def test_nominal_settings__averages_and_names_the_shorter_side() -> None:
    settings = nominal_settings(KITTI, None)
    assert (settings.input_size, settings.multiple, settings.interpolation) == (384, 32, "antialiased")
    assert nominal_settings(None, None).input_size == 384
    assert nominal_settings(KITTI, 100).input_size == 100
