# SPDX-License-Identifier: Apache-2.0
"""``leadline ablate NAME``: a table of variants enters; each is trained and judged on the same data; the table leaves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from leadline.ablation.catalog import ABLATIONS
from leadline.ablation.config import AblationConfig
from leadline.cli.arguments import parse
from leadline.cli.console import say, show_log
from leadline.contracts.errors import UsageError
from leadline.contracts.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run the ablation that is named first; 0 when every cell is done."""
    if not argv or argv[0] in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0 if argv else 2
    name, rest = argv[0], argv[1:]
    if name not in ABLATIONS:
        remedy = did_you_mean(name, ABLATIONS, otherwise="see `leadline ablate --help`")
        raise UsageError(expected=f"an ablation ({', '.join(ABLATIONS)})", got=repr(name), remedy=remedy)
    config = parse(AblationConfig, rest, prog=f"leadline ablate {name}", takes_config=True).value
    show_log()
    from rich.console import Console

    from leadline.ablation.cells import chosen, run_cells  # brings torch, as the next; --help must not
    from leadline.ablation.statistics import lines
    from leadline.ablation.tables import as_markdown, write_tables
    from leadline.training.display import choose_display

    variants = chosen(ABLATIONS[name].variants, config)
    found = lines(run_cells(variants, config, choose_display(Console(stderr=True))))
    files = write_tables(found, config.out)
    say(as_markdown(found))
    for file in files:
        say(f"written: {file}")
    return 0


def _help() -> str:
    width = max(map(len, ABLATIONS)) + 2
    tables = "".join(f"  {name:<{width}}{one.summary}\n" for name, one in ABLATIONS.items())
    groups = "".join(
        f"  {name}: {', '.join(dict.fromkeys(variant.group for variant in one.variants))}\n"
        for name, one in ABLATIONS.items()
    )
    usage = (
        "usage: leadline ablate NAME --out DIR [--seeds 0 1 2] [--groups ...] [--only ...] [flags of train semi-supervised]"
    )
    return f"{usage}\n\n{tables}\ngroups:\n{groups}\n`leadline ablate NAME --help` lists all flags.\n"
