# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.labelling.quality import is_all_sky, quality_of, reason_to_drop


def depth(values: object, kind: DepthKind = DepthKind.AFFINE_DISPARITY, confidence: object = None) -> DepthMap:
    array = np.asarray(values, np.float32)
    certainty = None if confidence is None else np.asarray(confidence, np.float32)
    return DepthMap(values=array, valid=~np.isnan(array), kind=kind, confidence=certainty)


def test_quality_of__counts_by_hand() -> None:
    found = quality_of(depth([[0.0, 1.0], [4.0, np.nan]], confidence=[[0.2, 0.4], [0.6, 9.0]]))
    assert found.valid_fraction == 0.75
    assert found.sky_fraction == 0.25
    assert found.confidence == pytest.approx(0.4)
    assert (found.minimum, found.median, found.maximum, found.dead) == (0.0, 1.0, 4.0, False)


@pytest.mark.parametrize("values", [[[3.0, 3.0]], [[0.0, 0.0]], [[3.0, 3.000001]], [[np.nan, np.nan]], [[np.nan, 2.0]]])
def test_quality_of__one_value_everywhere_is_dead(values: object) -> None:
    assert quality_of(depth(values)).dead


def test_quality_of__a_shallow_map_is_not_dead() -> None:
    assert not quality_of(depth([[3.0, 3.001]])).dead


def test_quality_of__metres_know_no_sky_and_disparity_of_zero_everywhere_is_all_sky() -> None:
    assert quality_of(depth([[1.0, 2.0]], DepthKind.METRIC)).sky_fraction is None
    assert is_all_sky(quality_of(depth([[0.0, 0.0]])))
    assert not is_all_sky(quality_of(depth([[0.0, 0.1]])))
    assert not is_all_sky(quality_of(depth([[1.0, 2.0]], DepthKind.METRIC)))


def test_quality_of__infinities_are_not_valid() -> None:
    found = quality_of(depth([[1.0, 2.0, np.inf, -np.inf]]))
    assert (found.valid_fraction, found.maximum) == (0.5, 2.0)


def test_reason_to_drop__names_the_filter_and_only_what_it_takes() -> None:
    half, dead = quality_of(depth([[1.0, np.nan], [2.0, np.nan]])), quality_of(depth([[2.0, 2.0]]))
    assert reason_to_drop(half, min_valid=0.5, drop_dead=True) is None
    assert reason_to_drop(half, min_valid=0.6, drop_dead=False) == "valid fraction 0.5000 below 0.6"
    assert reason_to_drop(dead, min_valid=0.0, drop_dead=False) is None
    assert "dead" in str(reason_to_drop(dead, min_valid=0.0, drop_dead=True))
