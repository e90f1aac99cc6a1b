# SPDX-License-Identifier: Apache-2.0
"""One map brought to another."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.inference.agreement import robust_fit

TRUTH = np.random.default_rng(0).uniform(1, 9, 500)


@pytest.mark.parametrize("kind", [kind for kind in DepthKind if kind.has_free_offset])
def test_robust_fit__recovers_factor_and_offset_of_affine_kinds(kind: DepthKind) -> None:
    fit = robust_fit(predicted=(TRUTH - 3) / 0.25, target=TRUTH, kind=kind)
    assert fit is not None
    assert (fit.scale, fit.shift, fit.explained) == pytest.approx((0.25, 3.0, 1.0), abs=1e-9)


@pytest.mark.parametrize("kind", [kind for kind in DepthKind if not kind.has_free_offset])
def test_robust_fit__gives_other_kinds_a_factor_and_never_an_offset(kind: DepthKind) -> None:
    fit = robust_fit(predicted=TRUTH / 2, target=TRUTH, kind=kind)
    assert fit is not None
    assert fit.scale == pytest.approx(2.0)
    assert fit.shift == 0.0
    shifted = robust_fit(predicted=TRUTH + 1, target=TRUTH, kind=kind)
    assert shifted is not None
    assert shifted.shift == 0.0


def test_robust_fit__is_not_tilted_by_a_part_that_disagrees() -> None:
    predicted = (TRUTH - 3) / 0.25
    predicted[:100] = 500.0
    fit = robust_fit(predicted=predicted, target=TRUTH, kind=DepthKind.AFFINE_DISPARITY)
    plain = np.polyfit(predicted, TRUTH, 1)
    assert fit is not None
    assert (fit.scale, fit.shift) == pytest.approx((0.25, 3.0))
    assert abs(plain[0] - 0.25) > 0.1


def test_robust_fit__says_how_much_it_explains() -> None:
    rng = np.random.default_rng(1)
    half = TRUTH + rng.normal(0, TRUTH.std(), TRUTH.size)  # as much noise as signal: half of the variance
    fit = robust_fit(predicted=half, target=TRUTH, kind=DepthKind.AFFINE_DEPTH)
    assert fit is not None
    assert fit.explained == pytest.approx(0.5, abs=0.1)


def test_robust_fit__finds_nothing_where_there_is_nothing() -> None:
    affine, metres = DepthKind.AFFINE_DISPARITY, DepthKind.METRIC
    assert robust_fit(predicted=-TRUTH, target=TRUTH, kind=affine) is None
    assert robust_fit(predicted=-TRUTH, target=TRUTH, kind=metres) is None
    assert robust_fit(predicted=np.full(9, 0.1), target=TRUTH[:9], kind=affine) is None
    assert robust_fit(predicted=np.zeros(9), target=TRUTH[:9], kind=metres) is None
    assert robust_fit(predicted=TRUTH[:0], target=TRUTH[:0], kind=affine) is None


def test_robust_fit__a_wall_has_a_factor_in_metres() -> None:
    fit = robust_fit(predicted=np.full(9, 2.0), target=np.full(9, 3.0), kind=DepthKind.METRIC)
    assert fit is not None
    assert (fit.scale, fit.explained) == pytest.approx((1.5, 1.0))


def test_robust_fit__takes_a_constant_target() -> None:
    fit = robust_fit(predicted=TRUTH, target=np.full_like(TRUTH, 4.0), kind=DepthKind.AFFINE_DEPTH)
    assert fit is None or fit.scale * 8 + fit.shift == pytest.approx(4.0)
