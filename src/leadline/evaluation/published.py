# SPDX-License-Identifier: Apache-2.0
"""What papers report: a protocol and measured numbers enter; published cells, reproducible or not, leave beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """A column of the papers' tables.

    Attributes:
        name: as the papers call it.
        protocol: the protocol here that is meant to measure it; None where there is none.
        images: how many pictures the whole benchmark has; None where no public source says.
        obstacle: why no public information leads to the papers' numbers; empty where it does.
    """

    name: str
    protocol: str | None
    images: int | None
    obstacle: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedRow:
    """One model's numbers on one benchmark.

    Attributes:
        table: which table, in few words.
        model: as the paper calls it.
        benchmark: the column.
        metrics: name, as ``leadline evaluate`` has it, -> value.
        source: paper and table.
        released: whether the weights of this row are public.
    """

    table: str
    model: str
    benchmark: Benchmark
    metrics: Mapping[str, float]
    source: str
    released: bool

    @property
    def obstacle(self) -> str:
        """Why this cell cannot be reproduced from public information; empty where it can."""
        return self.benchmark.obstacle or ("" if self.released else "the weights were never released")

    @property
    def verdict(self) -> str:
        """``"reproducible"`` or ``"not reproducible: REASON"``."""
        return f"not reproducible: {self.obstacle}" if self.obstacle else "reproducible"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One published cell beside what was measured; ``published`` and ``measured`` are in the unit of the metric."""

    table: str
    model: str
    metric: str
    published: float
    measured: float
    verdict: str
    source: str

    @property
    def record(self) -> dict[str, object]:
        """All of it as plain JSON values."""
        return {
            "table": self.table,
            "model": self.model,
            "metric": self.metric,
            "published": self.published,
            "measured": self.measured,
            "reproducible": self.verdict == "reproducible",
            "verdict": self.verdict,
            "source": self.source,
        }


def compare(rows: Sequence[PublishedRow], *, protocol: str, metrics: Mapping[str, float]) -> tuple[Comparison, ...]:
    """Every published cell of the benchmark that ``protocol`` measures, in the order of the tables.

    A cell whose metric was not measured is left out.

    >>> nyu = Benchmark(name="NYU", protocol="nyu-relative", images=654)
    >>> row = PublishedRow(table="t", model="m", benchmark=nyu, metrics={"abs_rel": 0.05}, source="s", released=True)
    >>> [(one.published, one.verdict) for one in compare([row], protocol="nyu-relative", metrics={"abs_rel": 0.06})]
    [(0.05, 'reproducible')]
    """
    return tuple(
        Comparison(
            table=row.table,
            model=row.model,
            metric=metric,
            published=published,
            measured=metrics[metric],
            verdict=row.verdict,
            source=row.source,
        )
        for row in rows
        if row.benchmark.protocol == protocol
        for metric, published in row.metrics.items()
        if metric in metrics
    )


def caveats(rows: Sequence[PublishedRow], *, protocol: str, images: int, changed: Sequence[str]) -> tuple[str, ...]:
    """What keeps a measurement from being the papers': a protocol of no paper, part of the pictures, a changed choice."""
    if all(row.benchmark.protocol != protocol for row in rows):
        return (f"no paper's numbers are kept for protocol {protocol}",)
    wholes = {row.benchmark.images for row in rows if row.benchmark.protocol == protocol and row.benchmark.images}
    parts = [f"measured on {images} pictures, the benchmark has {whole}" for whole in wholes if whole != images]
    return (
        *parts,
        *(f"measured with {'an' if choice[0] in 'aeiou' else 'a'} {choice} other than the protocol's" for choice in changed),
    )
