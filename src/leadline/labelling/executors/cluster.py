# SPDX-License-Identifier: Apache-2.0
"""A plan enters; a Ray cluster labels its shards by the same function, those of lost nodes again, and the board hears."""

from __future__ import annotations

import importlib.util
import socket
from collections import Counter, deque
from functools import cache
from typing import TYPE_CHECKING, Any

from leadline.contracts.errors import LeadlineError, MissingExtraError, StorageError
from leadline.data.label_folder import manifest_path
from leadline.labelling.plan import remove_leftovers
from leadline.training.signals import StopRequest, Terminated, listening

if TYPE_CHECKING:
    from leadline.data.label_folder import LabelJob, ShardRecord
    from leadline.data.picture_shards import PictureShard
    from leadline.labelling.board import Board
    from leadline.labelling.job import ModelFacts
    from leadline.labelling.labeller import Labeller
    from leadline.labelling.request import LabelRequest

ATTEMPTS = 5
"""Times a shard may lose its worker or its node."""
_POLL_S = 0.5
_KNOCK_S = 10.0
_STORE_BYTES = 100 * 2**20  # of a cluster of our own: only closing lines pass through it
_AHEAD = 2  # tasks per slot, so that no worker waits for the driver


def run_on_ray(board: Board) -> None:
    """Label every pending shard of the board's plan on a Ray cluster: that of ``--address``, else one begun on this machine.

    All nodes must see model, pictures and labels under the same paths.  Progress is told shard by shard.

    Raises:
        MissingExtraError: Ray is not installed.
        StorageError: no cluster at the address; labels that the driver cannot see; a shard that lost ``ATTEMPTS`` workers.
        Terminated: SIGTERM or Ctrl-C came; finished shards are kept.
        LeadlineError: what stops the job, see ``Board.failed``.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError(
            expected="the package ray for --executor ray", got="no such package", remedy="pip install 'leadline[ray]'"
        )
    import ray

    _connect(ray, board.request)
    try:
        with listening() as stop:
            _Tasks(ray, board, stop).run()
    finally:
        ray.shutdown()
        remove_leftovers(board.request.out, board.plan.pending)


def _connect(ray: Any, request: LabelRequest) -> None:
    own = {} if request.address else {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
    address = request.address or "local"
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except (OSError, RuntimeError, ValueError) as error:  # ConnectionError is an OSError
        raise StorageError(
            expected=f"a Ray cluster at {request.address or 'this machine'}",
            got=next(iter(str(error).splitlines()), type(error).__name__),
            remedy="start one with `ray start --head`, or leave --address out",
        ) from error


def _knock(address: str) -> None:
    """Ray itself tries an address where nobody answers for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()


class _Tasks:
    """Shards in flight on the cluster, and those that wait."""

    def __init__(self, ray: Any, board: Board, stop: StopRequest) -> None:
        self._ray, self._board, self._stop = ray, board, stop
        self._todo = deque(board.plan.pending)
        self._lost: Counter[int] = Counter()
        self._flying: dict[Any, PictureShard] = {}
        wants_gpu = board.request.device != "cpu" and ray.cluster_resources().get("GPU", 0) >= 1
        needs = {"num_cpus": board.request.threads, "num_gpus": 1 if wants_gpu else 0, "max_retries": 0}
        self._slot = ("GPU", 1) if wants_gpu else ("CPU", board.request.threads)
        self._facts = ray.remote(**{**needs, "max_retries": ATTEMPTS})(facts_there)
        self._label = ray.remote(**needs)(label_there)

    def run(self) -> None:
        try:
            found = self._await_facts()
            if isinstance(found, LeadlineError):
                raise found
            job = self._board.opened(found)
            while self._todo or self._flying:
                self._launch(job)
                ready, _ = self._ray.wait(list(self._flying), num_returns=1, timeout=_POLL_S)
                self._refuse_to_go_on()
                for reference in ready:
                    self._land(reference)
        finally:
            for reference in self._flying:
                self._ray.cancel(reference, force=True)

    def _await_facts(self) -> ModelFacts | LeadlineError:
        reference = self._facts.remote(self._board.request)
        while True:
            ready, _ = self._ray.wait([reference], timeout=_POLL_S)
            self._refuse_to_go_on()
            if ready:
                found: ModelFacts | LeadlineError = self._ray.get(reference)
                return found

    def _launch(self, job: LabelJob) -> None:
        name, each = self._slot
        slots = max(1, int(self._ray.cluster_resources().get(name, 0) // each))
        while self._todo and len(self._flying) < _AHEAD * slots:
            shard = self._todo.popleft()
            self._flying[self._label.remote(self._board.request, shard, job)] = shard

    def _land(self, reference: Any) -> None:
        shard = self._flying.pop(reference)
        try:
            landed: ShardRecord | LeadlineError = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError:  # a defect of ours, with its traceback
            raise
        except self._ray.exceptions.RayError as error:  # the worker, its node or their memory
            self._lose(shard, error)
            return
        if isinstance(landed, LeadlineError):
            self._board.failed(shard, landed)
            return
        if not manifest_path(self._board.request.out, shard.index).is_file():
            raise StorageError(
                expected=f"{self._board.request.out} to be one folder for all nodes of the cluster",
                got=f"labels of {shard.name} that this machine cannot see",
                remedy="name a folder on a disk that all of them share",
            )
        self._board.done(landed)

    def _lose(self, shard: PictureShard, error: Exception) -> None:
        self._board.lost(shard)
        self._lost[shard.index] += 1
        if self._lost[shard.index] >= ATTEMPTS:
            raise StorageError(
                expected=f"nodes that live to finish {shard.name}",
                got=f"{ATTEMPTS} that did not, the last by {type(error).__name__}",
                remedy="look into Ray's log of them, and run the same command again",
            ) from error
        self._todo.append(shard)

    def _refuse_to_go_on(self) -> None:
        if self._stop.requested:
            raise Terminated("stopped; finished shards are kept, the same command goes on with the others")


def facts_there(request: LabelRequest) -> ModelFacts | LeadlineError:
    """On a node: what the model says of itself, or why it cannot be opened."""
    try:
        return _opened(request).facts()
    except LeadlineError as error:
        return error


def label_there(request: LabelRequest, shard: PictureShard, job: LabelJob) -> ShardRecord | LeadlineError:
    """On a node: ``label_shard``, with the model that this process keeps open; or why it cannot be done."""
    from leadline.labelling.shard import label_shard

    try:
        return label_shard(_agreeing(request, job.settings_sha256, job), shard, request, job)
    except LeadlineError as error:
        return error


@cache
def _opened(request: LabelRequest) -> Labeller:
    from leadline.labelling.labeller import Labeller

    return Labeller(request)


_AGREED: dict[tuple[LabelRequest, str], Labeller] = {}


def _agreeing(request: LabelRequest, settings_sha256: str, job: LabelJob) -> Labeller:
    """The model of this process, once it was seen to be the job's: digesting its numbers takes time."""
    from leadline.labelling.job import require_same

    known = (request, settings_sha256)
    if known not in _AGREED:
        labeller = _opened(request)
        require_same(job, labeller.facts(), request)
        _AGREED[known] = labeller
    return _AGREED[known]
