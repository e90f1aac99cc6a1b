# SPDX-License-Identifier: Apache-2.0
"""Charts: well-formed SVG inside its frame, round ticks, a legend for every curve, and no trouble with odd numbers."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.evaluation.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Series,
    line_chart,
    linear_axis,
    logarithmic_axis,
    tick_label,
)


def drawn(*series: Series, logarithmic: bool = False) -> ElementTree.Element:
    return ElementTree.fromstring(line_chart(series, title="T & t", x_label="x<", y_label="y", logarithmic=logarithmic))


def curves(svg: ElementTree.Element) -> list[list[tuple[float, float]]]:
    paths = [
        node.get("d", "") for node in svg.iter("path") if "curve" in node.get("class", "") and "h18" not in node.get("d", "")
    ]
    return [[(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)] for path in paths]


def words(svg: ElementTree.Element) -> list[str]:
    return [node.text or "" for node in svg.iter("text")]


def test_chart__draws_points_where_the_axes_say() -> None:
    (places,) = curves(drawn(Series(name="a", points=[(0, 0), (48.5, 5), (97, 10)])))
    middle = ((LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2)
    assert places == [(LEFT, HEIGHT - BOTTOM), pytest.approx(middle, abs=0.1), (WIDTH - RIGHT, TOP)]


def test_chart__names_itself_its_axes_and_every_curve() -> None:
    svg = drawn(Series(name="train <1>", points=[(0, 1)]), Series(name="val", points=[(0, 2), (4, 3)], faint=True))
    assert {"T & t", "x<", "y", "train <1>", "val"} <= set(words(svg))
    assert svg.get("aria-label") == "T & t: train <1>, val"


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), max_size=30),
    logarithmic=st.booleans(),
)
def test_chart__stays_inside_its_frame(values: list[float], *, logarithmic: bool) -> None:
    svg = drawn(Series(name="a", points=list(enumerate(values))), logarithmic=logarithmic)
    for places in curves(svg):
        assert all(LEFT - 0.1 <= x <= WIDTH - RIGHT + 0.1 and TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1 for x, y in places)


def test_chart__writes_ticks_outside_its_frame() -> None:
    ticks = [node for node in drawn(Series(name="a", points=[(1, 2), (3, 4)])).iter("text") if node.get("class") == "tick"]
    below = [node for node in ticks if node.get("text-anchor") == "middle"]
    beside = [node for node in ticks if node.get("text-anchor") == "end"]
    assert len(below) > 2
    assert len(beside) > 2
    assert all(HEIGHT - BOTTOM + 5 < float(node.get("y", "nan")) < HEIGHT for node in below)
    assert all(0 < float(node.get("x", "nan")) < LEFT for node in beside)


@pytest.mark.parametrize(("count", "faint", "dots"), [(40, False, 40), (41, False, 0), (2, True, 0)])
def test_chart__dots_the_points_of_short_curves(count: int, dots: int, *, faint: bool) -> None:
    svg = drawn(Series(name="a", points=[(x, x) for x in range(count)], faint=faint))
    assert len(list(svg.iter("circle"))) == dots


def test_chart__leaves_out_what_is_not_finite() -> None:
    svg = drawn(
        Series(name="a", points=[(0, 1), (1, math.nan), (2, math.inf), (3, 2)]), Series(name="b", points=[(0, math.nan)])
    )
    assert [len(places) for places in curves(svg)] == [2]
    assert "b" not in words(svg)


def test_chart__many_curves_are_told_apart_by_dashes() -> None:
    svg = drawn(*(Series(name=str(index), points=[(0, index), (1, index)]) for index in range(8)))
    styles = {(n.get("style"), n.get("stroke-dasharray")) for n in svg.iter("path") if "curve" in n.get("class", "")}
    assert len(styles) == 8


def test_chart__legend_leaves_room_for_every_name() -> None:
    svg = drawn(*(Series(name=name, points=[(0, 1)]) for name in ("a rather long name", "b", "c")))
    starts = [float(node.get("x", "nan")) for node in svg.iter("text") if node.get("class") == "legend"]
    gaps = [after - before for before, after in pairwise(starts)]
    assert gaps[0] > 6 * len("a rather long name") + 23
    assert gaps[0] > gaps[1] > 6 + 23


def test_linear_axis__ticks_are_round_and_cover_the_values() -> None:
    axis = linear_axis(0.13, 0.87, start=0, stop=100)
    assert axis.ticks == pytest.approx((0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
    assert (axis.at(axis.low), axis.at(axis.high)) == (0, 100)
    assert linear_axis(7, 94, start=0, stop=1, tight=True).ticks == pytest.approx((20, 40, 60, 80))
    assert linear_axis(3, 3, start=0, stop=1).low < 3 < linear_axis(3, 3, start=0, stop=1).high


def test_logarithmic_axis__equal_factors_are_equally_long() -> None:
    axis = logarithmic_axis(0.1, 10, start=0, stop=100)
    assert axis.at(1) - axis.at(0.1) == pytest.approx(axis.at(10) - axis.at(1))
    assert axis.ticks == pytest.approx((0.1, 0.2, 0.5, 1, 2, 5, 10))
    assert logarithmic_axis(1e-6, 1, start=0, stop=1).ticks == pytest.approx([10.0**p for p in range(-6, 1)])


@pytest.mark.parametrize(("low", "high"), [(5.3, 8.8), (2.1, 2.1), (0.0021, 0.0049), (0.9, 1.9), (1e-7, 1e-7)])
def test_logarithmic_axis__a_short_range_has_ticks_too(low: float, high: float) -> None:
    axis = logarithmic_axis(low, high, start=0, stop=100)
    assert len(axis.ticks) >= 2
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)


@pytest.mark.parametrize(
    ("value", "label"),
    [(1e-4, "1e-4"), (8e-5, "8e-5"), (5e-3, "0.005"), (1e-3, "0.001"), (0.25, "0.25"), (-3.0, "-3"), (25_000, "25k")],
)
def test_tick_label__is_short(value: float, label: str) -> None:
    assert tick_label(value) == label
