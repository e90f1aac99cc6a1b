# SPDX-License-Identifier: Apache-2.0
"""Views fitted to each other all at once."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.inference.panoramas.joint_fit import joint_fit

RNG = np.random.default_rng(0)
VIEWS, DIRECTIONS = 5, 400
RAYS = RNG.uniform(2, 9, DIRECTIONS)
COSINE = RNG.uniform(0.6, 1.0, (VIEWS, DIRECTIONS))
SEEN = RNG.random((VIEWS, DIRECTIONS)) < 0.5
SCALES, SHIFTS = np.array([0.5, 1.0, 2.0, 1.0, 1.0]), np.array([3.0, 0.0, -1.0, 0.5, 10.0])


@pytest.mark.parametrize("kind", [DepthKind.METRIC, DepthKind.SCALE_INVARIANT])
def test_joint_fit__finds_the_factors_of_depth_and_keeps_their_geometric_mean(kind: DepthKind) -> None:
    said = np.where(SEEN, RAYS * COSINE / SCALES[:, None], np.nan)
    scales, shifts = joint_fit(values=said, cosine=COSINE, valid=SEEN, kind=kind)
    np.testing.assert_allclose(scales, SCALES, rtol=1e-5)  # whose geometric mean is 1
    assert (shifts == 0).all()


@pytest.mark.parametrize("kind", [DepthKind.AFFINE_DEPTH, DepthKind.AFFINE_DISPARITY])
def test_joint_fit__finds_factors_and_offsets_of_affine_kinds_up_to_one_factor(kind: DepthKind) -> None:
    truth = (1 / RAYS) / COSINE if kind.near_is_large else RAYS * COSINE
    said = np.where(SEEN, (truth - SHIFTS[:, None]) / SCALES[:, None], np.nan)
    scales, shifts = joint_fit(values=said, cosine=COSINE, valid=SEEN, kind=kind)
    fitted = scales[:, None] * said + shifts[:, None]
    common = (fitted / truth)[SEEN]
    np.testing.assert_allclose(common, np.median(common), rtol=1e-2)
    assert np.median(common) > 0


def test_joint_fit__is_not_tilted_by_directions_on_which_views_differ() -> None:
    said = RAYS * COSINE / SCALES[:, None]
    said[0, :60] *= 20
    scales, _ = joint_fit(values=said, cosine=COSINE, valid=SEEN, kind=DepthKind.METRIC)
    np.testing.assert_allclose(scales, SCALES, rtol=0.02)


def test_joint_fit__a_view_that_shares_nothing_stays_as_it_is() -> None:
    alone = SEEN.copy()
    alone[4] = False
    scales, _ = joint_fit(values=RAYS * COSINE, cosine=COSINE, valid=alone, kind=DepthKind.METRIC)
    np.testing.assert_allclose(scales, 1.0, atol=1e-6)
    nothing = np.zeros_like(SEEN)
    for kind in (DepthKind.METRIC, DepthKind.AFFINE_DEPTH):
        scales, shifts = joint_fit(values=RAYS * COSINE, cosine=COSINE, valid=nothing, kind=kind)
        assert (scales == 1).all()
        assert (shifts == 0).all()


def test_joint_fit__a_constant_view_of_an_affine_kind_breaks_nothing() -> None:
    said = 1 / RAYS / COSINE
    said[4] = 0.0
    scales, shifts = joint_fit(values=said, cosine=COSINE, valid=SEEN, kind=DepthKind.AFFINE_DISPARITY)
    assert np.isfinite(scales).all()
    assert np.isfinite(shifts).all()
    assert (scales >= 0).all()
