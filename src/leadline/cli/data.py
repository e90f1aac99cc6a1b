# SPDX-License-Identifier: Apache-2.0
"""``leadline data``: a dataset enters; what its files say, or a contact sheet to look at, leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from leadline.cli.arguments import parse
from leadline.cli.console import output, say, show_log, table
from leadline.cli.datasets import DatasetChoice, open_chosen
from leadline.contracts.errors import DataError, UsageError

if TYPE_CHECKING:
    from leadline.data.dataset import DepthDataset
    from leadline.data.inspection import DatasetReport


@dataclass(frozen=True, kw_only=True, slots=True)
class DataArguments:
    """Look at a dataset as training and evaluation will see it.

    inspect prints sizes, metres, valid shares and doubts about units; preview writes a contact sheet.
    """

    action: Annotated[tyro.conf.Positional[Literal["inspect", "preview"]], tyro.conf.arg(metavar="ACTION")]
    """inspect or preview."""
    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """Name of a dataset (leadline list datasets)."""
    root: Path | None = None
    """Folder the dataset was unpacked into; procedural needs none."""
    split: str | None = None
    """Split of the dataset; by default all, which of procedural scenes is test."""
    listing: Path | None = None
    """CSV, JSON, JSONL or annotation file that lists the samples."""
    option: tuple[str, ...] = ()
    """The dataset's own settings, KEY=VALUE each, e.g. --option count=100 seed=1."""
    limit: int = 0
    """How many evenly spaced samples to read; 0 takes 100 to inspect and 12 to preview."""
    out: Path = Path("preview.png")
    """Where preview writes its picture."""


def main(argv: Sequence[str]) -> int:
    """Parse and run."""
    return run(parse(DataArguments, argv, prog="leadline data").value)


def run(arguments: DataArguments) -> int:
    """Inspect or preview."""
    show_log()
    if arguments.limit < 0:
        raise UsageError(expected="--limit of 0 or more", got=str(arguments.limit), remedy="e.g. --limit 100")
    dataset = open_chosen(
        DatasetChoice(
            name=arguments.name,
            root=arguments.root,
            split=arguments.split,
            listing=arguments.listing,
            options=arguments.option,
        )
    )
    if arguments.action == "inspect":
        inspect(dataset, arguments.limit or 100)
    else:
        preview(dataset, arguments.limit or 12, arguments.out)
    return 0


def inspect(dataset: DepthDataset, limit: int) -> None:
    """Print what up to ``limit`` samples say, doubts and unreadable files by name included.

    Raises:
        DataError: not one of them can be read.
    """
    from leadline.data.inspection import inspect_dataset

    report = inspect_dataset(dataset, limit=limit)
    if len(report.unreadable) == report.inspected:
        raise DataError(
            expected=f"a sample of '{report.name}' that can be read",
            got=f"none of {report.inspected}, the first: {report.unreadable[0]}",
            remedy="mend or replace the files",
        )
    console = output()
    console.print(table("", ["", report.name], facts(report)))
    for finding in report.findings:
        text = f"doubt in {finding.images} of {report.inspected}: {finding.what} (first: {finding.first_key})"
        console.print(text, style="bold yellow", highlight=False, markup=False)
    for reason in report.unreadable:
        console.print(f"unreadable: {reason}", style="bold red", highlight=False, markup=False)
    console.print(report.undetectable, style="dim", highlight=False, markup=False)


def facts(report: DatasetReport) -> list[list[str]]:
    """Rows of the table: what, and how much of it."""
    sizes = [f"{height}x{width} ({count})" for (height, width), count in report.sizes.items()]
    rows = [
        ["samples", f"{report.count}, of which {report.inspected} inspected, {len(report.unreadable)} unreadable"],
        ["provides", ", ".join(name.lower() for name in report.provides)],
        ["sizes (height x width)", ", ".join(sizes[:5]) + (f" and {len(sizes) - 5} more" if len(sizes) > 5 else "")],
    ]
    if report.minimum is not None and report.median is not None and report.maximum is not None:
        unit = f" {report.unit}" if report.unit else " (no unit)"
        numbers = f"{report.minimum:.4g} / {report.median:.4g} / {report.maximum:.4g}{unit}"
        rows.append(["minimum / median / maximum", numbers])
    if report.valid_percent is not None:
        rows.append(["valid pixels", f"{report.valid_percent:.1f} %"])
    return rows


def preview(dataset: DepthDataset, count: int, out: Path) -> None:
    """Write a contact sheet of up to ``count`` samples."""
    from leadline.data.inspection import contact_sheet
    from leadline.rasters.panels import write_picture

    write_picture(out, contact_sheet(dataset, count))
    say(f"{out}")
