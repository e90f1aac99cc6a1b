# SPDX-License-Identifier: Apache-2.0
"""How much the depth of a clip flickers."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.inference.clips.flicker import FlickerMeter
from leadline.inference.clips.grid import brightness
from tests.inference.made_clips import as_map, room


def measured(factors: list[float], kind: DepthKind, *, cut_before: int | None = None) -> FlickerMeter:
    frame, meter = room(), FlickerMeter()
    for index, factor in enumerate(factors):
        if index == cut_before:
            meter.cut()
        meter.add(as_map(frame.depth_m * factor, kind), brightness(frame.rgb))
    return meter


def test_value__is_the_relative_second_difference_of_metres() -> None:
    assert measured([1.0, 1.1, 1.0], DepthKind.METRIC).value == pytest.approx(0.2 / 1.1, rel=1e-4)
    assert measured([1.0, 1.1, 1.0, 1.1], DepthKind.METRIC).value == pytest.approx((0.2 / 1.1 + 0.2) / 2, rel=1e-4)


def test_value__steady_motion_is_no_flicker() -> None:
    assert measured([1.0, 1.1, 1.2, 1.3], DepthKind.METRIC).value == pytest.approx(0.0, abs=1e-6)


def test_value__of_affine_kinds_does_not_depend_on_scale_and_shift() -> None:
    def value(scale: float, shift: float) -> float:
        frame, meter = room(), FlickerMeter()
        for factor in (1.0, 1.1, 1.0):
            values = scale * factor / frame.depth_m + shift
            meter.add(as_map(values, DepthKind.AFFINE_DISPARITY), brightness(frame.rgb))
        assert meter.value is not None
        return meter.value

    assert value(7.0, 100.0) == pytest.approx(value(1.0, 0.0), rel=1e-2)


def test_value__looks_only_where_the_picture_stands_still() -> None:
    meter = FlickerMeter()
    for box_m, factor in ((3.0, 1.0), (2.0, 5.0), (3.0, 1.0)):
        frame = room(box_m=box_m)
        values = frame.depth_m.copy()
        moving = room(box_m=2.0).depth_m == 2.0
        values[moving] *= factor
        meter.add(as_map(values, DepthKind.METRIC), brightness(frame.rgb))
    assert meter.value == pytest.approx(0.0, abs=1e-6)


def test_value__compares_nothing_across_a_cut() -> None:
    meter = measured([1.0, 1.0, 1.0, 2.0, 2.0, 2.0], DepthKind.METRIC, cut_before=3)
    assert meter.value == pytest.approx(0.0, abs=1e-6)
    assert meter.triples == 2


def test_value__is_unknown_before_three_frames() -> None:
    assert measured([1.0, 2.0], DepthKind.METRIC).value is None


def test_value__is_unknown_where_nothing_stands_still() -> None:
    meter = FlickerMeter()
    for index in range(3):
        stripes = np.where((np.arange(72)[:, None] + index * 6) % 12 < 6, 0.1, 0.9) * np.linspace(0.5, 1.0, 96)
        meter.add(as_map(room().depth_m, DepthKind.METRIC), stripes.astype(np.float32))
    assert meter.value is None
