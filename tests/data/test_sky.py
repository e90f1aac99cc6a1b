# SPDX-License-Identifier: Apache-2.0
"""The sky is masked, or valid at disparity 0; it never has a distance."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.data.sky import TruthSpace

DEPTH_M = np.array([[2.0, np.inf, 0.0, np.nan, 655.35]], np.float32)
VALID = np.array([[True, False, False, False, True]])
SKY = np.array([[False, True, False, False, True]])


def test_truth_space__in_metres_masks_the_sky() -> None:
    values, valid = TruthSpace().stated(DEPTH_M, valid=VALID, sky=SKY)
    assert valid.tolist() == [[True, False, False, False, False]]
    assert values[valid].tolist() == [2.0]
    assert TruthSpace().kind is DepthKind.METRIC


def test_truth_space__in_disparity_masks_the_sky_or_puts_it_at_0() -> None:
    ignored, far = TruthSpace("disparity"), TruthSpace("disparity", "far")
    assert ignored.kind is far.kind is DepthKind.AFFINE_DISPARITY
    values, valid = ignored.stated(DEPTH_M, valid=VALID, sky=SKY)
    assert valid.tolist() == [[True, False, False, False, False]]
    values, valid = far.stated(DEPTH_M, valid=VALID, sky=SKY)
    assert valid.tolist() == [[True, True, False, False, True]]
    assert values[valid].tolist() == [0.5, 0.0, 0.0]
    assert values.dtype == np.float32


def test_truth_space__refuses_a_distance_for_the_sky() -> None:
    with pytest.raises(UsageError, match="expected space=disparity for sky=far; got space=metres"):
        TruthSpace("metres", "far")
