# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind, DepthMap


@pytest.mark.parametrize(
    ("kind", "unit", "near_is_large"),
    [
        (DepthKind.METRIC, "m", False),
        (DepthKind.SCALE_INVARIANT, None, False),
        (DepthKind.AFFINE_DEPTH, None, False),
        (DepthKind.AFFINE_DISPARITY, None, True),
        (DepthKind.STEREO_DISPARITY, "px", True),
    ],
)
def test_depth_kind__says_its_unit_and_its_direction(kind: DepthKind, unit: str | None, near_is_large: bool) -> None:
    assert (kind.unit, kind.near_is_large) == (unit, near_is_large)
    values = np.ones((2, 3), np.float32)
    assert DepthMap(values=values, valid=values > 0, kind=kind).unit == unit


def test_depth_kind__may_be_judged_under_its_own_and_weaker_claims_only() -> None:
    assert all(kind in kind.judged_as for kind in DepthKind)
    assert DepthKind.AFFINE_DISPARITY in DepthKind.METRIC.judged_as
    assert [kind for kind in DepthKind if DepthKind.METRIC in kind.judged_as] == [DepthKind.METRIC]
    assert DepthKind.AFFINE_DEPTH.judged_as.isdisjoint({DepthKind.AFFINE_DISPARITY, DepthKind.SCALE_INVARIANT})


def test_depth_kind__a_claim_that_may_be_weakened_twice_may_be_weakened_at_once() -> None:
    for kind in DepthKind:
        for weaker in kind.judged_as:
            assert weaker.judged_as <= kind.judged_as


def test_depth_kind__says_which_freedoms_its_numbers_have() -> None:
    assert {kind for kind in DepthKind if kind.has_free_offset} == {DepthKind.AFFINE_DEPTH, DepthKind.AFFINE_DISPARITY}
    assert {kind for kind in DepthKind if kind.in_true_units} == {DepthKind.METRIC, DepthKind.STEREO_DISPARITY}
