# SPDX-License-Identifier: Apache-2.0
"""A thread's alternate signal stack enters a block and leaves it unchanged, whatever a library put in its place."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """``stack_t`` as Linux lays it out."""

    _fields_ = (("pointer", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Give this thread its alternate signal stack back at the end; elsewhere than on Linux do nothing.

    OpenVINO 2026.4 puts a stack of its own there when it compiles a model, and frees it with the model.  Python answers
    every signal on that stack; the next one, say of a loader process that ended, would then kill the process (SIGSEGV).
    """
    if sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None)
    before = _Stack()
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)


def signal_stack() -> int:
    """Address of this thread's alternate signal stack on Linux; 0 where there is none."""
    now = _Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(now))
    return int(now.pointer or 0)
