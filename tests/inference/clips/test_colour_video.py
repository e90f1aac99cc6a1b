# SPDX-License-Identifier: Apache-2.0
"""Maps of a clip, kept small until all are seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.inference.clips.colour_video import WIDEST_PANEL_PX, KeptMaps


def kept(tmp_path: Path, *maps: DepthMap) -> KeptMaps:
    store = KeptMaps(tmp_path)
    for index, one in enumerate(maps):
        store.add(3 * index, one)
    return store


def test_maps__come_back_in_order_with_their_values_and_gaps(tmp_path: Path) -> None:
    values = np.linspace(1e5, 3e5, 60, dtype=np.float32).reshape(6, 10)
    valid = values < 2.5e5
    maps = [DepthMap(values=values * factor, valid=valid, kind=DepthKind.METRIC) for factor in (1.0, 2.0)]
    back = list(kept(tmp_path, *maps).maps(DepthKind.METRIC))
    assert [index for index, _ in back] == [0, 3]
    for (_, found), given in zip(back, maps, strict=True):
        assert (found.valid == valid).all()
        np.testing.assert_allclose(found.values[valid], given.values[valid], rtol=1e-3)


def test_maps__are_picked_not_mixed_where_they_are_too_wide(tmp_path: Path) -> None:
    values = np.where(np.arange(4 * WIDEST_PANEL_PX) % 2, 1.0, 9.0).astype(np.float32)[None].repeat(8, axis=0)
    ((_, found),) = kept(tmp_path, DepthMap(values=values, valid=values > 0, kind=DepthKind.METRIC)).maps(DepthKind.METRIC)
    assert found.values.shape == (2, WIDEST_PANEL_PX)
    assert np.isin(np.rint(found.values), (1.0, 9.0)).all()


def test_scale__is_one_for_all_frames(tmp_path: Path) -> None:
    ramp = np.linspace(0.0, 1.0, 400, dtype=np.float32).reshape(20, 20)
    maps = [DepthMap(values=ramp + shift, valid=ramp >= 0, kind=DepthKind.AFFINE_DISPARITY) for shift in (0.0, 9.0)]
    assert kept(tmp_path, *maps).scale == pytest.approx((0.04, 9.96), abs=0.02)
    assert not list(tmp_path.iterdir())
