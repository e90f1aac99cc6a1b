# SPDX-License-Identifier: Apache-2.0
"""``leadline list``: recipes, datasets, protocols, models or published enter; a table of those there are leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from leadline.cli.arguments import parse
from leadline.cli.console import output, say, table
from leadline.cli.toml_defaults import shipped_configs_of

Listing = tuple[list[str], list[list[str]]]  # columns, rows
What = Literal["recipes", "datasets", "protocols", "models", "published"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ListArguments:
    """Show what can be named on the command line."""

    what: Annotated[
        tyro.conf.Positional[What],
        tyro.conf.arg(metavar="WHAT"),
    ]
    """recipes, datasets, protocols, models, or published (what papers report)."""


def main(argv: Sequence[str]) -> int:
    """Parse and run."""
    return run(parse(ListArguments, argv, prog="leadline list").value)


def run(arguments: ListArguments) -> int:
    """Print the table; what is to be copied or is long, models and published numbers, stands one to an unbroken line."""
    columns, rows = _LISTINGS[arguments.what]()
    if arguments.what in {"models", "published"}:
        for line in aligned([columns, *rows]):
            say(line)
    else:
        shown = table("", columns, rows)
        shown.columns[0].no_wrap = True  # a name that is to be typed stays in one piece
        output().print(shown)
    return 0


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """One line per row, columns two blanks apart.

    >>> aligned([["model", "unit"], ["a", "m"]])
    ['model  unit', 'a      m']
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def recipes() -> Listing:
    """Ways to train, and the configurations shipped for them."""
    from leadline.recipes.catalog import RECIPES

    rows = [
        [name, entry.yields, entry.summary, ", ".join(shipped_configs_of(name)) or "-"] for name, entry in RECIPES.items()
    ]
    return ["recipe", "yields", "what it is", "shipped configurations"], rows


def datasets() -> Listing:
    """Datasets with what they provide."""
    from leadline.data.catalog import DATASETS

    rows = []
    for name, entry in DATASETS.items():
        fields = ", ".join(sorted(field.name.lower() for field in entry.provides))
        rows.append([name, entry.summary, fields, entry.default_protocol or "-", entry.licence])
    return ["dataset", "what it is", "provides", "protocol", "licence"], rows


def protocols() -> Listing:
    """Ways to measure."""
    from leadline.evaluation.catalog import PROTOCOLS

    rows = []
    for name, protocol in PROTOCOLS.items():
        low, high = protocol.range_m
        rows.append(
            [
                name,
                protocol.dataset or "any",
                f"{low:g} to {high:g}",
                protocol.crop.name,
                protocol.alignment.value,
                protocol.source,
            ]
        )
    return ["protocol", "dataset", "metres", "crop", "alignment", "source"], rows


def models() -> Listing:
    """Presets with their size, unit, licence, and the name that fetches them where the hub has them."""
    from leadline.models.presets import PRESETS

    rows = []
    for name, entry in PRESETS.items():
        size, reach = f"{entry.parameters / 1e6:.1f} M", "-" if entry.max_depth_m is None else f"{entry.max_depth_m:g} m"
        claim = [entry.kind.value, entry.unit or "-", reach]
        rows.append([name, size, *claim, entry.licence, entry.source, entry.download or "-"])
    return ["model", "parameters", "kind", "unit", "up to", "licence", "source", "MODEL that fetches it"], rows


def published() -> Listing:
    """What papers report, each number with whether it can be reproduced."""
    from leadline.evaluation.published_tables import PUBLISHED

    rows = []
    for row in PUBLISHED:
        numbers = ", ".join(f"{name} {value:g}" for name, value in row.metrics.items())
        rows.append([row.table, row.model, row.benchmark.name, numbers, row.verdict, row.source])
    return ["table", "model", "benchmark", "numbers", "can they be reproduced", "source"], rows


_LISTINGS: dict[str, Callable[[], Listing]] = {
    "recipes": recipes,
    "datasets": datasets,
    "protocols": protocols,
    "models": models,
    "published": published,
}
