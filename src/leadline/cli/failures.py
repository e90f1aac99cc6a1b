# SPDX-License-Identifier: Apache-2.0
"""An exception that reached the command line enters; one line on stderr and an exit status leave."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import sys
import tempfile
import time
import traceback
from pathlib import Path

from leadline.contracts.errors import LeadlineError, StorageError, UsageError
from leadline.training.signals import EXIT_TERMINATED, Terminated

DEFECT, MISTAKE, INTERRUPTED, READER_GONE = 1, 2, 130, 141  # 130 = 128 + SIGINT, 141 = 128 + SIGPIPE

_STORAGE = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT, errno.EFBIG}


def report_failure(error: BaseException, *, debug: bool) -> int:
    """Tell the person what happened and return the exit status that says the same.

    ``debug`` adds the traceback of a defect to stderr; it is written to a file in any case.
    """
    if isinstance(error, KeyboardInterrupt):
        _say("interrupted")
        return INTERRUPTED
    if isinstance(error, Terminated):
        _say(str(error) or "stopped; everything is saved")
        return EXIT_TERMINATED
    if isinstance(error, BrokenPipeError) and _reader_has_gone():
        return READER_GONE
    mistake = error if isinstance(error, LeadlineError) else _as_mistake(error)
    if mistake is not None:
        _say(str(mistake))
        return MISTAKE
    text = "".join(traceback.format_exception(error))
    if debug:
        sys.stderr.write(text)
    first_line = next(iter(str(error).splitlines()), "")
    _say(f"a defect of ours, {type(error).__name__}: {first_line} (traceback in {_saved(text)}; please report it)")
    return DEFECT


def _say(line: str) -> None:
    sys.stderr.write(f"leadline: {line}\n")


def _reader_has_gone() -> bool:
    """True when it is our own standard output that nobody reads any more, as in ``leadline list models | head -1``."""
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), select.POLLOUT)
    except OSError:  # stdout is not a file at all
        return False
    if not any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
        return False
    # Else the interpreter flushes once more at exit, and complains.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _as_mistake(error: BaseException) -> LeadlineError | None:
    """A full or read-only disk and too little memory are not defects, wherever they come up."""
    if isinstance(error, OSError) and error.errno in _STORAGE:
        return StorageError(
            expected="to be able to write",
            got=f"{error.strerror}: {error.filename or 'no file named'}",
            remedy="free space or choose another folder",
        )
    # torch's class by name: importing torch for a comparison would cost a second.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return UsageError(
            expected="enough memory",
            got="out of memory",
            remedy="use a smaller batch, picture or model, or another --device",
        )
    return None


def _saved(text: str) -> str:
    name = f"leadline-defect-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    path = Path(tempfile.gettempdir()) / name
    with contextlib.suppress(OSError):
        path.write_text(text, encoding="utf-8")
        return str(path)
    sys.stderr.write(text)
    return "the lines above"
