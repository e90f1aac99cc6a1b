# SPDX-License-Identifier: Apache-2.0
"""``leadline benchmark NAME``: a name enters; ratios measured side by side on this machine, with their spread, leave."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from leadline.benchmarks.catalog import BENCHMARKS
from leadline.benchmarks.settings import ROUNDS, BenchmarkSettings
from leadline.cli.arguments import parse
from leadline.cli.console import output, table, tell
from leadline.contracts.errors import UsageError
from leadline.contracts.suggestions import did_you_mean
from leadline.rasters.atomic import atomically

if TYPE_CHECKING:
    from leadline.benchmarks.report import Report, Row

_NAMES = ", ".join(f"{name} ({entry.expected})" for name, entry in BENCHMARKS.items())


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchmarkArguments:
    """Measure speed and memory side by side with a known peer; every number comes with its spread and what was expected."""

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME", help=f"One of: {_NAMES}.")]
    json: Path | None = None
    """Also write every single measurement to this file."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    rounds: int = ROUNDS
    """Rounds of peer - ours - peer."""
    sides_px: tuple[int, ...] = ()
    """Sides of the square pictures, multiples of 14; by default the benchmark's own."""
    batch_size: int = 0
    """Pictures per step or batch; 0 takes the benchmark's own."""


def main(argv: Sequence[str]) -> int:
    """Parse and run."""
    return run(parse(BenchmarkArguments, argv, prog="leadline benchmark").value)


def run(arguments: BenchmarkArguments) -> int:
    """Print the report; 0 even where a goal was missed, for a busy machine is no mistake."""
    if arguments.name not in BENCHMARKS:
        raise UsageError(
            expected=f"a benchmark: {', '.join(BENCHMARKS)}",
            got=repr(arguments.name),
            remedy=did_you_mean(arguments.name, BENCHMARKS),
        )
    entry = BENCHMARKS[arguments.name]
    tell(f"{entry.summary} ...")
    settings = BenchmarkSettings(
        device=arguments.device,
        rounds=arguments.rounds,
        sides_px=arguments.sides_px,
        batch_size=arguments.batch_size,
    )
    report: Report = importlib.import_module(entry.module).measure(settings)
    show(report)
    if arguments.json is not None:
        with atomically(arguments.json) as file:
            file.write_text(json.dumps(report.to_dict(), indent=2) + "\n", encoding="utf-8")
    return 0


def show(report: Report) -> None:
    """Print machine, table and notes."""
    console = output()
    console.print(report.machine, highlight=False)
    rows = [[row.name, _value(row), row.expected, _verdict(row), row.note] for row in report.rows]
    console.print(table(report.name, ["", "measured", "expected", "", "note"], rows))
    for note in report.notes:
        console.print(note, highlight=False, markup=False)


def _value(row: Row) -> str:
    spread = f" [{_short(row.spread[0])}-{_short(row.spread[1])}]" if row.spread else ""
    return f"{_short(row.value)} {row.unit}{spread}"


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _verdict(row: Row) -> str:
    return "" if row.met is None else "met" if row.met else "missed"
