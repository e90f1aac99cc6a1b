# SPDX-License-Identifier: Apache-2.0
"""A plan enters; processes on this machine label its shards, a killed one is replaced, and the board hears of everything."""

from __future__ import annotations

import glob
import multiprocessing
import os
from collections import Counter, deque
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from leadline.contracts.errors import StorageError
from leadline.labelling.plan import remove_leftovers
from leadline.labelling.worker import Defect, Done, Failed, Labelled, Message, Opened, work
from leadline.training.signals import Terminated, listening

if TYPE_CHECKING:
    from collections.abc import Iterable
    from multiprocessing.context import SpawnProcess

    from leadline.data.picture_shards import PictureShard
    from leadline.labelling.board import Board
    from leadline.labelling.request import LabelRequest

ATTEMPTS = 3
"""Deaths of a worker over one shard, or before it was ready, until it is the shard's or the machine's fault."""
_POLL_S = 0.2


class WorkerDiedError(Exception):
    """A worker met a defect of ours; its traceback is the message."""


def run_local(board: Board) -> None:
    """Label every pending shard of the board's plan; with none, open the model once to see that it is still the same.

    Raises:
        Terminated: SIGTERM or Ctrl-C came; finished shards are kept, half-written ones removed.
        LeadlineError: what stops the job, see ``Board.failed``.
        WorkerDiedError: a defect.
    """
    crew = _Crew(board, min(workers_for(board.request), max(1, len(board.plan.pending))))
    with listening() as stop:
        try:
            while crew.is_busy:
                if stop.requested:
                    raise Terminated("stopped; finished shards are kept, the same command goes on with the others")
                crew.attend(timeout_s=_POLL_S)
        finally:
            crew.dismiss()


def workers_for(request: LabelRequest) -> int:
    """As many as were asked for; else one per GPU where one may be used, else as many as have their threads."""
    if request.workers:
        return request.workers
    gpus = len(_visible_gpus()) if request.device in ("auto", "cuda") else 0
    if gpus or request.device.startswith(("cuda", "mps")):
        return max(1, gpus)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // request.threads)


def _visible_gpus() -> list[str]:
    """Without torch, whose import costs the driver half a gigabyte."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [one for one in named.split(",") if one] if named is not None else glob.glob("/dev/nvidia[0-9]*")  # noqa: PTH207


class _Worker:
    """A process, the driver's end of its pipe, and the shard it is at."""

    def __init__(self, request: LabelRequest, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.number = number
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=work, args=(theirs, request, number), daemon=True)
        self.process.start()
        theirs.close()  # else the pipe would not end with the worker
        self.is_home = False
        self.shard: PictureShard | None = None

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class _Crew:
    """All workers, and the shards that nobody has yet."""

    def __init__(self, board: Board, size: int) -> None:
        self._board = board
        self._todo = deque(board.plan.pending)
        self._deaths: Counter[int | None] = Counter()  # by shard; None: before the model was open
        self._workers: dict[Connection, _Worker] = {}
        for number in range(size):
            self._hire(number)

    @property
    def is_busy(self) -> bool:
        """Whether a shard is left, or no worker has yet said which model this is."""
        working = any(worker.shard is not None for worker in self._workers.values())
        return working or bool(self._todo) or self._board.job is None

    def attend(self, *, timeout_s: float) -> None:
        """Hear those who have something to say, or have died."""
        for pipe in wait(list(self._workers), timeout=timeout_s):
            worker = self._workers[pipe]  # type: ignore[index]
            try:
                message: Message = worker.pipe.recv()
            except (EOFError, OSError):
                self._replace(worker)
            else:
                self._hear(worker, message)

    def dismiss(self) -> None:
        """End all workers and remove what those at work have half written."""
        shards = [worker.shard for worker in self._workers.values() if worker.shard is not None]
        for worker in self._workers.values():
            worker.end()
        self._workers.clear()
        self._clean(shards)

    def _hear(self, worker: _Worker, message: Message) -> None:
        shard = worker.shard
        if isinstance(message, Defect):
            raise WorkerDiedError(message.traceback)
        if isinstance(message, Labelled):
            if shard is not None:
                self._board.labelled(shard, message.pictures)
            return
        worker.shard = None
        if isinstance(message, Opened):
            self._board.opened(message.facts)
        elif isinstance(message, Done):
            self._board.done(message.record)
        elif isinstance(message, Failed):
            if shard is None:  # the model itself
                raise message.error
            self._board.failed(shard, message.error)
        self._occupy(worker)

    def _occupy(self, worker: _Worker) -> None:
        task = None
        if self._todo:
            worker.shard = self._todo.popleft()
            task = (worker.shard, self._board.job)
        worker.is_home = task is None
        try:
            worker.pipe.send(task)
        except OSError:  # killed just now; its pipe's end will say so
            return

    def _replace(self, worker: _Worker) -> None:
        del self._workers[worker.pipe]
        worker.end()
        shard = worker.shard
        if worker.is_home:
            return
        place = None if shard is None else shard.index
        self._deaths[place] += 1
        if shard is not None:
            self._board.lost(shard)
            self._clean([shard])
        if self._deaths[place] >= ATTEMPTS:
            raise _dies_always(shard, worker.process.exitcode)
        if shard is not None:
            self._todo.appendleft(shard)
        self._hire(worker.number)

    def _hire(self, number: int) -> None:
        worker = _Worker(self._board.request, number)
        self._workers[worker.pipe] = worker

    def _clean(self, shards: Iterable[PictureShard]) -> None:
        remove_leftovers(self._board.request.out, list(shards))


def _dies_always(shard: PictureShard | None, exit_code: int | None) -> StorageError:
    return StorageError(
        expected="workers that live to finish " + ("opening the model" if shard is None else shard.name),
        got=f"{ATTEMPTS} that were killed (the last with status {exit_code})",
        remedy="look for the system's reason, often memory (fewer --workers need less), and run the same command again",
    )
