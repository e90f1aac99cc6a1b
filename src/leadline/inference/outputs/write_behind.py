# SPDX-License-Identifier: Apache-2.0
"""Writes enter one by one; they happen in their order behind the work that goes on, and what they wrote leaves."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

_PENDING = 2  # files are flushed to the disk, which keeps no core busy; more of them would only be memory

Write = Callable[[], list[Path]]


class WriteBehind:
    """A context in which up to two writes are pending; at its end all are done.

    Args:
        files: paths are appended to it as they are written, in order.

    Raises:
        Exception: that of a write that failed, at a later ``submit``, ``finish``, or at the end.
    """

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        self._pending: list[Future[list[Path]]] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leadline-writer")

    def submit(self, write: Write) -> None:
        """Let ``write`` happen soon; waits while too many are pending."""
        while len(self._pending) >= _PENDING:
            self._finish_oldest()
        self._pending.append(self._thread.submit(write))

    def finish(self) -> None:
        """Wait until everything is written."""
        while self._pending:
            self._finish_oldest()

    def __enter__(self) -> WriteBehind:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Finish what is pending; where the work itself failed, its own error stands."""
        try:
            if error is None:
                self.finish()
        finally:
            self._thread.shutdown(wait=True, cancel_futures=error is None)

    def _finish_oldest(self) -> None:
        self._files += self._pending.pop(0).result()
