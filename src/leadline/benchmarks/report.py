# SPDX-License-Identifier: Apache-2.0
"""Measured rows enter; one benchmark's report leaves, as plain data for JSON and for a table."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from leadline.benchmarks.measurement import Comparison, Spread


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One measured number beside what was expected of it.

    Attributes:
        name: what was measured.
        value: the number, in ``unit``.
        unit: "x" for ratios, else e.g. "images/s" or "MiB".
        spread: lower and upper quartile, or None for a single measurement.
        expected: the goal in words, or "" where the number only informs.
        met: whether the goal was reached; None without a goal.
        note: what else one must know to read the number.
    """

    name: str
    value: float
    unit: str
    spread: tuple[float, float] | None = None
    expected: str = ""
    met: bool | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What one benchmark found.

    Attributes:
        name: the benchmark's.
        machine: one line that says where it ran.
        rows: the numbers, in reading order.
        notes: sentences about method and agreement of outputs.
        raw: every single measurement, for the JSON file.
    """

    name: str
    machine: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    raw: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dataclasses.asdict(self)


def ratio_row(name: str, comparison: Comparison, *, at_least: float) -> Row:
    """The row of a comparison whose ratio should reach ``at_least``."""
    ratio = comparison.ratio
    doubt = "" if comparison.is_beyond_noise else "; within twice the noise, so no difference is claimed"
    return Row(
        name=name,
        value=ratio.median,
        unit="x",
        spread=(ratio.lower_quartile, ratio.upper_quartile),
        expected=f"at least {at_least:g}",
        met=ratio.median >= at_least,
        note=f"range {ratio.least:.2f}-{ratio.greatest:.2f}, A/A noise {comparison.noise.median:.1%}{doubt}",
    )


def spread_row(name: str, spread: Spread, *, unit: str, note: str = "") -> Row:
    """The row of a number that only informs."""
    return Row(name=name, value=spread.median, unit=unit, spread=(spread.lower_quartile, spread.upper_quartile), note=note)
