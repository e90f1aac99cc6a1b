# SPDX-License-Identifier: Apache-2.0
"""A function enters; what it returns in a process of its own leaves, because allocator and threads belong to a process."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

from leadline.inference.process import SETTINGS, suit_dense_work

# "plain": as the script one writes first.  "leadline": as its command line.  "thrifty": freed memory goes back at once, so
# that the peak is what the work asked for, whatever the allocator keeps; several times slower.
ProcessKind = Literal["plain", "leadline", "thrifty"]

_GIVE_BACK_FROM_BYTES = 2**16

A = TypeVar("A")
R = TypeVar("R")


def in_fresh_process(kind: ProcessKind, work: Callable[[A], R], argument: A) -> R:
    """``work(argument)``, computed in a new process of ``kind``; both must be importable and picklable.

    What ``work`` raises is raised here.
    """
    prepare = suit_dense_work if kind == "leadline" else None
    with environment_of(kind), multiprocessing.get_context("spawn").Pool(1, initializer=prepare) as pool:
        return pool.apply(work, (argument,))


@contextmanager
def environment_of(kind: ProcessKind) -> Iterator[None]:
    """The environment as children of ``kind`` shall find it; as it was afterwards."""
    before = dict(os.environ)
    if kind == "leadline":
        suit_dense_work()  # what the command line chose when it began stands: now its own work would count as load
    else:
        for name in (*SETTINGS, *(name for name in before if name.startswith("MALLOC_"))):
            os.environ.pop(name, None)
    if kind == "thrifty":
        os.environ["MALLOC_MMAP_THRESHOLD_"] = str(_GIVE_BACK_FROM_BYTES)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
