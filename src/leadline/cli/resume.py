# SPDX-License-Identifier: Apache-2.0
"""``leadline resume RUN``: a run folder enters; the run goes on from its last checkpoint, bit for bit, to its end."""

from __future__ import annotations

import dataclasses
import sys
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from leadline.cli.arguments import parse
from leadline.cli.console import show_log
from leadline.cli.run_place import RunPlace, find_run
from leadline.cli.toml_defaults import converted_values
from leadline.contracts.errors import UsageError
from leadline.recipes.catalog import find_recipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class ResumeArguments:
    """Continue a run that was stopped, killed or interrupted."""

    run: Annotated[str, tyro.conf.Positional]
    """The run folder, or one of its checkpoint folders."""


def main(argv: Sequence[str]) -> int:
    """Finish the run; 0 when it is complete."""
    arguments = parse(ResumeArguments, argv, prog="leadline resume").value
    show_log()
    return continue_run(find_run(arguments.run), {})


def continue_run(place: RunPlace, overrides: Mapping[str, Any], *, recipe: str | None = None) -> int:
    """Go on with the hyper-parameters of the run's config.toml, except those in ``overrides`` (field -> value).

    Raises:
        UsageError: the run is not of ``recipe``, where one was named.
    """
    written = tomllib.loads((place.folder / "config.toml").read_text(encoding="utf-8"))
    said = str(written.pop("recipe", ""))
    if recipe not in {None, said}:
        raise UsageError(
            expected=f"a run of recipe {recipe!r}",
            got=f"{place.folder}, of {said!r}",
            remedy=f"say `leadline train {said}` instead",
        )
    entry = find_recipe(said)
    values = converted_values(entry.config, written, where=str(place.folder / "config.toml"))
    changed = {**overrides, "save_dir": place.folder}
    config = dataclasses.replace(entry.config(**values), **changed)
    from rich.console import Console

    from leadline.recipes.supervised.run import Start  # brings torch, as the next; --help must not
    from leadline.training.display import choose_display

    sources = dict.fromkeys(values, "before resume") | dict.fromkeys(overrides, "flag at resume") if overrides else {}
    start = Start(sources=sources, display=choose_display(Console(stderr=True)), checkpoint=place.checkpoint)
    report = entry.trainer()(config, start)
    if report is not None:
        sys.stdout.write(f"report: {report.path}\n")
    return 0
