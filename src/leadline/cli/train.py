# SPDX-License-Identifier: Apache-2.0
"""``leadline train RECIPE``: flags and a TOML file enter, a run folder with checkpoints and a log leaves."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

from leadline.cli.arguments import parse
from leadline.cli.console import show_log
from leadline.cli.resume import continue_run
from leadline.cli.run_place import BY_RUN_ID, run_to_resume
from leadline.contracts.errors import UsageError
from leadline.recipes.catalog import RECIPES, find_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Train by the recipe that is named first; 0 when the run is complete."""
    if not argv or argv[0] in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0 if argv else 2
    name, rest = argv[0], argv[1:]
    if name.startswith("-"):
        raise UsageError(expected="a recipe first", got=name, remedy=f"e.g. leadline train {next(iter(RECIPES))} {name} ...")
    entry = find_recipe(name)
    parsed = parse(
        entry.config,
        rest,
        prog=f"leadline train {name}",
        takes_config=True,
        bare={"--resume": BY_RUN_ID, "--wandb": "online"},
    )
    show_log()
    if parsed.value.resume:
        if any(source.startswith("config") for source in parsed.sources.values()):
            raise UsageError(
                expected="--resume with single flags to change",
                got="--config",
                remedy="a resumed run has its configuration; give what shall differ as flags",
            )
        flags = [field for field, source in parsed.sources.items() if source == "flag" and field not in {"resume", "run_id"}]
        place = run_to_resume(parsed.value.resume, run_id=parsed.value.run_id, save_dir=parsed.value.save_dir)
        return continue_run(place, {field: getattr(parsed.value, field) for field in flags}, recipe=name)
    from rich.console import Console

    from leadline.recipes.supervised.run import Start  # brings torch, as the next; --help must not
    from leadline.training.display import choose_display

    value, sources = parsed.value, dict(parsed.sources)
    if sources["run_id"] != "flag":  # a run's own config.toml may be the --config of another, which is not called so
        value, sources["run_id"] = dataclasses.replace(value, run_id=""), "default"
    start = Start(sources=sources, display=choose_display(Console(stderr=True)))
    report = entry.trainer()(value, start)
    if report is not None:
        sys.stdout.write(f"report: {report.path}\n")
    return 0


def _help() -> str:
    width = max(map(len, RECIPES)) + 2
    recipes = "".join(f"  {name:<{width}}{entry.summary}\n" for name, entry in RECIPES.items())
    usage = "usage: leadline train RECIPE [--config NAME|FILE] [flags]"
    return f"{usage}\n\n{recipes}\n`leadline train RECIPE --help` lists its flags.\n"
