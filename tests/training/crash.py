# SPDX-License-Identifier: Apache-2.0
"""Toy runs in processes of their own, which die or fail where a test says."""

from __future__ import annotations

import builtins
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from leadline.contracts.errors import LeadlineError
from leadline.training import durable, tensor_file
from leadline.training.run import holds_run
from leadline.training.settings import EngineSettings
from leadline.training.signals import EXIT_TERMINATED, Terminated
from tests.training.toy import SETTINGS, ToyRecipe, run_toy

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["leadline.training.engine", "torch._dynamo"])  # torch.optim imports the latter on first use

_OS_CALLS = ("fsync", "rename", "replace", "unlink", "rmdir", "mkdir", "open", "truncate")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong in a child.

    Attributes:
        at_call: number of the file system call (from 1) at which it happens; 0 only counts them.
        error: errno to raise there instead of dying by SIGKILL.
        exchange: whether the system can swap two folders in one call.
        signal_at_step: send this process ``number`` inside the recipe's step of that update.
        signal_in_validation: send it inside the validation of that epoch.
    """

    at_call: int = 0
    error: int = 0
    exchange: bool = True
    signal_at_step: int = -1
    signal_in_validation: int = -1
    number: int = signal.SIGTERM


def start(path: Path, fault: Fault = Fault(), settings: EngineSettings = SETTINGS) -> Any:
    """A process that starts the run in ``path``, or resumes it if there is one."""
    process = CONTEXT.Process(target=_child, args=(path, fault, settings))
    process.start()
    return process


def exit_code(path: Path, fault: Fault = Fault(), settings: EngineSettings = SETTINGS) -> int:
    """How such a process ended: 0, 2 for a user's error, 143, or -9."""
    process = start(path, fault, settings)
    process.join()
    return int(process.exitcode)


def calls_of_a_run(path: Path, fault: Fault = Fault()) -> int:
    """Number of file system calls of an undisturbed run."""
    assert exit_code(path, fault) == 0
    return int((path.parent / f"{path.name}.calls").read_text())


def _child(path: Path, fault: Fault, settings: EngineSettings) -> None:
    torch.set_num_threads(1)
    counter = _Counter(fault)
    _install(counter, fault)
    recipe = ToyRecipe()
    if fault.signal_at_step >= 0:
        _send_signal(recipe, fault)
    try:
        resume = "latest" if holds_run(path) else None
        run_toy(path, settings, recipe=recipe, resume=resume, before_validation=partial(_signal_in_validation, fault))
    except Terminated:
        sys.exit(EXIT_TERMINATED)
    except LeadlineError as error:
        (path.parent / f"{path.name}.error").write_text(str(error))
        sys.exit(2)
    counter.armed = False
    (path.parent / f"{path.name}.calls").write_text(str(counter.calls))


class _Counter:
    def __init__(self, fault: Fault) -> None:
        self.fault, self.calls, self.armed = fault, 0, True

    def due(self) -> bool:
        if not self.armed:
            return False
        self.calls += 1
        return self.calls == self.fault.at_call

    def strike(self) -> None:
        if self.fault.error:
            raise OSError(self.fault.error, os.strerror(self.fault.error))
        os.kill(os.getpid(), signal.SIGKILL)


def _install(counter: _Counter, fault: Fault) -> None:
    for name in _OS_CALLS:
        setattr(os, name, _guarded(counter, getattr(os, name)))
    opened = builtins.open
    builtins.open = _guarded(counter, opened)
    durable._exchange = _guarded(counter, durable._exchange if fault.exchange else lambda *_: False)
    written = "save_tensors"  # not tensor_file's own, so type checkers do not let it be named
    setattr(tensor_file, written, _torn(counter, getattr(tensor_file, written)))


def _guarded(counter: _Counter, call: Callable[..., Any]) -> Any:
    def guarded(*arguments: Any, **named: Any) -> Any:
        if counter.due():
            counter.strike()
        return call(*arguments, **named)

    return guarded


def _torn(counter: _Counter, call: Callable[..., Any]) -> Any:
    """Writing tensors leaves half a file behind when it is the one to fail."""

    def torn(tensors: Any, path: Path) -> None:
        due = counter.due()
        call(tensors, path)
        if due:
            os.truncate(path, path.stat().st_size // 2)
            counter.strike()

    return torn


def _signal_in_validation(fault: Fault, epoch: int) -> None:
    if epoch == fault.signal_in_validation:
        os.kill(os.getpid(), fault.number)


def _send_signal(recipe: ToyRecipe, fault: Fault) -> None:
    step = recipe.step

    def signalling(batches: Any, progress: Any) -> Any:
        if progress.step == fault.signal_at_step:
            os.kill(os.getpid(), fault.number)
        return step(batches, progress)

    recipe.step = signalling  # type: ignore[method-assign]
