# SPDX-License-Identifier: Apache-2.0
"""Line charts as SVG: named curves enter, an inline picture with axes, ticks, labels and a legend leaves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from leadline.rasters.ticks import round_step, round_ticks

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 54, 44
COLOURS = 6  # series colours that the style sheet defines; more series repeat them, dashed
_TICK_FACTORS = (1, 2, 5)  # no 2.5: an axis often counts whole epochs or steps
_FEW_POINTS = 40  # up to so many, each point gets a dot


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One curve: ``points`` are (x, y); not finite ones are left out.  ``faint`` draws it thin, behind the others."""

    name: str
    points: Sequence[tuple[float, float]]
    faint: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """A range of values laid on pixels, with ticks.

    Attributes:
        low, high: ends in values.
        ticks: values that are labelled.
        start, stop: pixels of the ends.
        logarithmic: equal factors are equally long.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    start: float
    stop: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value."""
        low, high, value = (math.log10(x) if self.logarithmic else x for x in (self.low, self.high, value))
        return self.start + (self.stop - self.start) * (value - low) / (high - low)


def line_chart(series: Sequence[Series], *, title: str, x_label: str, y_label: str, logarithmic: bool = False) -> str:
    """An ``<svg>`` element that fills its container and takes its colours from the page (``--c0`` .. ``--c5``, ``--ink``).

    A logarithmic y axis falls back to a linear one where values are not positive.
    """
    curves = [_finite(one) for one in series]
    curves = [one for one in curves if one.points]
    x_values = [x for one in curves for x, _ in one.points] or [0.0, 1.0]
    y_values = [y for one in curves for _, y in one.points] or [0.0, 1.0]
    x_axis = linear_axis(min(0.0, *x_values), max(x_values), start=LEFT, stop=WIDTH - RIGHT, tight=True)
    build = logarithmic_axis if logarithmic and min(y_values) > 0 else linear_axis
    y_axis = build(min(y_values), max(y_values), start=HEIGHT - BOTTOM, stop=TOP)
    order = sorted(range(len(curves)), key=lambda index: not curves[index].faint)
    parts = [
        f'<text class="chart-title" x="{LEFT}" y="18">{escape(title)}</text>',
        _grid(x_axis, y_axis),
        _axis_labels(x_label, y_label),
        *(_curve(curves[index], index, x_axis, y_axis) for index in order),
        _legend(curves),
    ]
    label = escape(f"{title}: {', '.join(one.name for one in curves) or 'no values'}", quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _axis_labels(x_label: str, y_label: str) -> str:
    across, down = (LEFT + WIDTH - RIGHT) // 2, (TOP + HEIGHT - BOTTOM) // 2
    upright = f'transform="rotate(-90 14 {down})"'
    return (
        f'<text class="axis" x="{across}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>'
        f'<text class="axis" x="14" y="{down}" text-anchor="middle" {upright}>{escape(y_label)}</text>'
    )


def linear_axis(low: float, high: float, *, start: float, stop: float, tight: bool = False) -> Axis:
    """About five round ticks (steps of 1, 2 or 5 times a power of ten); ``tight`` keeps the ends where they are."""
    if low == high:
        low, high = low - (abs(low) / 2 or 0.5), high + (abs(high) / 2 or 0.5)
    step = round_step((high - low) / 5, factors=_TICK_FACTORS)
    if not tight:
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Axis(low=low, high=high, ticks=tuple(round_ticks(low, high, step=step)), start=start, stop=stop)


def logarithmic_axis(low: float, high: float, *, start: float, stop: float) -> Axis:
    """A logarithmic axis of positive values.

    Ticks are at 1, 2 and 5 times the powers of ten, at the powers alone where those are many, and where there are less than
    two, at those of a linear axis.
    """
    low, high = low * 0.95, high * 1.05
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [factor * 10.0**power for power in powers for factor in _TICK_FACTORS]
    coarse = [10.0**power for power in powers]
    inside = [tick for tick in fine if low <= tick <= high]
    if len(inside) > 7:
        inside = [tick for tick in coarse if low <= tick <= high]
    ticks = tuple(inside) if len(inside) > 1 else linear_axis(low, high, start=start, stop=stop, tight=True).ticks
    return Axis(low=low, high=high, ticks=ticks, start=start, stop=stop, logarithmic=True)


def tick_label(value: float) -> str:
    """A short number.

    >>> [tick_label(value) for value in (0.0, 0.05, 1200.0, 12000.0, 3e-6)]
    ['0', '0.05', '1200', '12k', '3e-6']
    """
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    if abs(value) >= 1000:
        return f"{value:.0f}"
    if 0 < abs(value) < 1e-3:
        digits, power = f"{value:.2e}".split("e")
        return f"{float(digits):g}e{int(power)}"
    return f"{value:.3g}"


def _finite(series: Series) -> Series:
    points = [(x, y) for x, y in series.points if math.isfinite(x) and math.isfinite(y)]
    return Series(name=series.name, points=points, faint=series.faint)


def _grid(x_axis: Axis, y_axis: Axis) -> str:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [f'<path class="frame" d="M{LEFT} {TOP}V{bottom}H{right}"/>']
    for tick in y_axis.ticks:
        y = y_axis.at(tick)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{tick_label(tick)}</text>')
    for tick in x_axis.ticks:
        x = x_axis.at(tick)
        parts.append(f'<path class="frame" d="M{x:.1f} {bottom}v5"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick_label(tick)}</text>')
    return "".join(parts)


def _style(index: int) -> str:
    dashes = ' stroke-dasharray="6 4"' if index >= COLOURS else ""
    return f'style="--c:var(--c{index % COLOURS})"{dashes}'


def _curve(series: Series, index: int, x_axis: Axis, y_axis: Axis) -> str:
    places = [(x_axis.at(x), y_axis.at(y)) for x, y in series.points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    drawn = f'<path class="curve{" faint" if series.faint else ""}" {_style(index)} d="{path}"/>'
    if series.faint or len(places) > _FEW_POINTS:
        return drawn
    dots = "".join(f'<circle class="dot" {_style(index)} cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in places)
    return drawn + dots


def _legend(curves: Sequence[Series]) -> str:
    """Names from left to right under the title, each behind a piece of its line."""
    parts, x = [], float(LEFT)
    for index, one in enumerate(curves):
        faint = " faint" if one.faint else ""
        parts.append(f'<path class="curve{faint}" {_style(index)} d="M{x:.0f} 35h18"/>')
        parts.append(f'<text class="legend" x="{x + 23:.0f}" y="39">{escape(one.name)}</text>')
        x += 23 + 6.6 * len(one.name) + 16
    return "".join(parts)
