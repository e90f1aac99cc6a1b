# SPDX-License-Identifier: Apache-2.0
"""A worker process of the local executor: a request enters; facts, progress and finished shards leave through a pipe."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from leadline.contracts.errors import LeadlineError, UsageError
from leadline.inference.process import suit_dense_work
from leadline.labelling.shard import label_shard

if TYPE_CHECKING:
    from leadline.data.label_folder import LabelJob, ShardRecord
    from leadline.data.picture_shards import PictureShard
    from leadline.labelling.job import ModelFacts
    from leadline.labelling.request import LabelRequest

_TELL_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Opened:
    """The model is ready."""

    facts: ModelFacts


@dataclass(frozen=True, slots=True)
class Labelled:
    """So many more pictures of the shard at hand."""

    pictures: int


@dataclass(frozen=True, slots=True)
class Done:
    """The shard at hand is finished."""

    record: ShardRecord


@dataclass(frozen=True, slots=True)
class Failed:
    """The model cannot be opened, or the shard at hand not be labelled, and the user can be told why."""

    error: LeadlineError


@dataclass(frozen=True, slots=True)
class Defect:
    """Something else went wrong; the worker ends."""

    traceback: str


Message = Opened | Labelled | Done | Failed | Defect


def work(pipe: Connection, request: LabelRequest, number: int) -> None:
    """The life of a worker: open the model, then label shards until None comes.

    Args:
        pipe: to the driver, which sends (shard, job) or None.
        request: the job's.
        number: of this worker.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    suit_dense_work()  # before torch is imported
    try:
        _serve(pipe, request, number)
    except LeadlineError as error:
        pipe.send(Failed(error))
    except Exception as error:  # noqa: BLE001  the boundary of the process: what escapes here would be lost
        pipe.send(Failed(_too_little_memory()) if _is_memory(error) else Defect(traceback.format_exc()))


def _serve(pipe: Connection, request: LabelRequest, number: int) -> None:
    from leadline.labelling.labeller import Labeller

    labeller = Labeller(request, number)
    pipe.send(Opened(labeller.facts()))
    while (task := pipe.recv()) is not None:
        shard: PictureShard
        job: LabelJob
        shard, job = task
        teller = _Teller(pipe)
        try:
            record = label_shard(labeller, shard, request, job, teller.tell)
        except LeadlineError as error:
            pipe.send(Failed(error))
        else:
            pipe.send(Done(record))


class _Teller:
    """Gathers counts, so that a fast model does not flood the pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._gathered, self._told_s = pipe, 0, time.monotonic()

    def tell(self, pictures: int) -> None:
        self._gathered += pictures
        if time.monotonic() - self._told_s >= _TELL_EVERY_S:
            self._pipe.send(Labelled(self._gathered))
            self._gathered, self._told_s = 0, time.monotonic()


def _end_with_parent() -> None:
    """A killed driver cannot stop its workers; two jobs would then share the cores."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _is_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _too_little_memory() -> UsageError:
    return UsageError(
        expected="enough memory in each worker",
        got="out of memory",
        remedy="use fewer --workers, a smaller --batch-size or --input-size, or another --device",
    )
