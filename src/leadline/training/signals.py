# SPDX-License-Identifier: Apache-2.0
"""Being asked to stop: SIGTERM or SIGINT enters, a flag between two updates or an exit from validation leaves."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_TERMINATED = 143  # 128 + SIGTERM, what a shell reports for a process that ended on that signal
_STOPPING = (signal.SIGTERM, signal.SIGINT)


class Terminated(Exception):  # noqa: N818  not an error: everything is saved
    """The run was asked to stop and has saved itself; the command line exits with ``EXIT_TERMINATED``."""


class Interrupted(BaseException):
    """Leaves work that will be done again from its start after resuming; passes any ``except Exception`` on its way."""


class StopRequest:
    """Remembers that this process was asked to stop."""

    def __init__(self) -> None:
        self.requested = False
        self._interruptible = False
        self._owner = os.getpid()

    def receive(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signature signal.signal asks for
        """The signal handler.  A forked loader worker inherits it and leaves stopping to its parent."""
        if os.getpid() != self._owner:
            if number == signal.SIGTERM:
                os._exit(EXIT_TERMINATED)
            return
        if self.requested and number == signal.SIGINT:  # Ctrl-C a second time: now
            raise KeyboardInterrupt
        self.requested = True
        if self._interruptible:
            self._interruptible = False
            raise Interrupted

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Within, a request raises ``Interrupted`` at once: for work that leaves no trace until it is complete."""
        try:
            self._interruptible = True
            if self.requested:
                raise Interrupted
            yield
        finally:
            self._interruptible = False


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Receive SIGTERM and SIGINT as a ``StopRequest`` until the block ends; outside the main thread none arrives."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.receive) for number in _STOPPING}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
