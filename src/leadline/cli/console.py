# SPDX-License-Identifier: Apache-2.0
"""Tables, progress and log lines enter; what a person sees on stdout and stderr leaves."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text


class _Pipe(Console):
    """A console that leaves a vanished reader to ``cli.failures`` rather than exiting on its own."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def output() -> Console:
    """The console for results, on stdout."""
    return _Pipe(soft_wrap=False)


def notices() -> Console:
    """The console for everything that is not the result, on stderr."""
    return _Pipe(stderr=True)


def say(line: str) -> None:
    """One line of result as it stands: a path in it must survive a pipe, so nothing is wrapped, coloured or interpreted."""
    output().print(line, highlight=False, markup=False, soft_wrap=True)


def tell(line: str) -> None:
    """One line on stderr as it stands."""
    notices().print(line, highlight=False, markup=False, soft_wrap=True)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table with a header line; the first column is left-aligned, as are texts."""
    result = Table(title=title or None, title_justify="left")
    for column in columns:
        result.add_column(column, overflow="fold")
    for row in rows:
        result.add_row(*(Text(cell) for cell in row))  # Text: brackets in a cell are no markup
    return result


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr; yields a function that is told how many are done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=notices()) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.update(task, completed=done)


class TwoBars:
    """A bar for the whole and, while there is one, a bar for the parts of the piece at hand."""

    def __init__(self, bar: Progress, description: str, total: int) -> None:
        self._bar = bar
        self._whole = bar.add_task(description, total=total)
        self._parts = bar.add_task("", total=None, visible=False)

    @property
    def shows_parts(self) -> bool:
        """Whether a piece is under way that told of its parts."""
        return self._bar.tasks[self._parts].visible

    def advance(self, done: int) -> None:
        """So many pieces are done."""
        self._bar.update(self._whole, completed=done)

    def part(self, description: str, done: int, total: int) -> None:
        """So many parts of the piece at hand are done; the bar goes with the last."""
        self._bar.update(self._parts, description=description, completed=done, total=total, visible=done < total)


@contextmanager
def progress_with_parts(description: str, total: int) -> Iterator[TwoBars]:
    """As ``progress``, for pieces that take so long that their parts are worth a bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notices()) as bar:
        yield TwoBars(bar, description, total)


class _Stderr(logging.Handler):
    """Looks sys.stderr up at each line, so that lines pass above a running progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")


def show_log() -> None:
    """Let the library's log lines (INFO and above) appear on stderr; calling it twice changes nothing."""
    logger = logging.getLogger("leadline")
    if not any(isinstance(handler, _Stderr) for handler in logger.handlers):
        logger.addHandler(_Stderr())
        logger.setLevel(logging.INFO)
