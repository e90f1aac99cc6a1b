# SPDX-License-Identifier: Apache-2.0
"""Datasets, a transform and settings enter; batches leave, the same ones whatever the number of workers and ranks."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import active_children
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader

from leadline.contracts.errors import UsageError
from leadline.data.batch_reader import BatchReader, InOrder, Parcel, Place, as_it_is, settle_worker, stop_signals_held
from leadline.data.mixture import Mixture
from leadline.data.unreadable import OnUnreadable, UnreadableSample

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from leadline.contracts.sample import Batch, Field
    from leadline.data.dataset import DepthDataset
    from leadline.transforms.pipeline import Transform

_LOG = logging.getLogger(__name__)
_CALLS_TO_END, _BETWEEN_CALLS_S = 200, 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class LoaderSettings:
    """How samples become batches.

    Attributes:
        batch_size: samples per batch of one rank.
        workers: reading processes; 0 reads in this one, and more than there are CPUs are not started.
        ahead: batches that each of them reads in advance; more only costs memory once the workers keep up.
        pin_memory: lock batches in memory for faster copies to a GPU; has no effect without CUDA.
        seed: of the sample order and of the transforms.
        on_unreadable: "stop" at the first unreadable sample, or "skip" it, count it and name it.
        rank, world: this process and how many there are.
    """

    batch_size: int
    workers: int = 0
    ahead: int = 2
    pin_memory: bool = True
    seed: int = 0
    on_unreadable: OnUnreadable = "stop"
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        """Refuse settings that cannot be meant."""
        sizes = (self.batch_size, self.ahead)
        if min(sizes) < 1 or self.workers < 0 or self.seed < 0 or not 0 <= self.rank < self.world:
            raise UsageError(
                expected="batch size and batches ahead of at least 1, workers and seed of at least 0, rank below world",
                got=f"batch {self.batch_size}, {self.ahead} ahead, workers {self.workers}, seed {self.seed}, "
                f"rank {self.rank} of {self.world}",
                remedy="correct the loader settings",
            )


class _Plan:
    """The places of each batch of one rank, from ``first_step`` of ``epoch`` on; set anew before every epoch."""

    def __init__(self, length: int, settings: LoaderSettings, *, whole_batches: bool) -> None:
        self.epoch, self.first_step = 0, 0
        self._length, self._settings = length, settings
        across_ranks = settings.batch_size * settings.world
        self.steps = length // across_ranks if whole_batches else -(-length // across_ranks)

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[Place]]:
        size, settings = self._settings.batch_size, self._settings
        for step in range(self.first_step, self.steps):
            start = (step * settings.world + settings.rank) * size
            places = [(self.epoch, position) for position in range(start, min(start + size, self._length))]
            if places:
                yield places


class SampleStream:
    """Batches of one dataset or mixture, in an order that is a pure function of (seed, epoch, position).

    Batch t of W ranks together is batch t of one process with W times the batch size; rank r has its r-th contiguous part.
    Workers, once started, stay for later epochs.  One iteration may be under way at a time.

    Args:
        source: a dataset, or a mixture (which is always shuffled).
        transform: applied to every sample with a generator of its own per (seed, epoch, position), or None.
        settings: batch size, workers, ranks, what to do with unreadable samples.
        shuffle: true for training: shuffled, whole batches only, a skipped sample replaced by the next readable one.
            False for validation: every sample once in order, the last batch smaller, skipped samples left out.
        adds: fields that the transform gives to samples which lack them, e.g. VIEWS.

    Raises:
        UsageError: fewer samples than one batch over all ranks when shuffling; a mixture without shuffling.
        DataError: an empty dataset.
    """

    def __init__(
        self,
        source: DepthDataset | Mixture,
        transform: Transform | None,
        settings: LoaderSettings,
        *,
        shuffle: bool,
        adds: frozenset[Field] = frozenset(),
    ) -> None:
        order = _order_of(source, settings.seed, shuffle=shuffle)
        self.provides: frozenset[Field] = order.provides | adds
        self.skipped: list[str] = []
        self._plan = _Plan(len(order), settings, whole_batches=shuffle)
        if self._plan.steps == 0:
            raise UsageError(
                expected=f"at least {settings.batch_size} samples for a batch on each of {settings.world} rank(s)",
                got=f"{len(order)}",
                remedy=f"use --batch-size of at most {max(1, len(order) // settings.world)}",
            )
        self._reader = BatchReader(order, transform, seed=settings.seed, on_unreadable=settings.on_unreadable)
        self._pin = settings.pin_memory and torch.cuda.is_available()
        self._loader = _worker_loader(self._reader, self._plan, settings, pin=self._pin) if settings.workers else None

    @property
    def steps_per_epoch(self) -> int:
        """Batches per epoch and rank."""
        return self._plan.steps

    def batches(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of ``epoch`` from ``first_step`` on, as an uninterrupted epoch has them; earlier ones are not read.

        Raises:
            DataError: an unreadable sample under "stop", or nothing but unreadable ones under "skip".
            ContractError: samples of one batch that do not fit together.
        """
        self._plan.epoch, self._plan.first_step = epoch, first_step
        for parcel in self._parcels():
            self._note(parcel.skipped)
            if parcel.refusal is not None:
                kind, expected, got, remedy = parcel.refusal
                raise kind(expected=expected, got=got, remedy=remedy)
            if parcel.batch is not None:
                yield parcel.batch

    def _parcels(self) -> Iterator[Parcel]:
        if self._loader is not None:
            yield from _begun(self._loader)
            return
        for places in self._plan:
            parcel = self._reader[places]
            yield parcel.pin_memory() if self._pin else parcel

    def _note(self, skipped: tuple[UnreadableSample, ...]) -> None:
        for sample in skipped:
            if sample.name not in self.skipped:
                self.skipped.append(sample.name)
                _LOG.warning("skipped unreadable sample %s: %s", sample.name, sample.reason)


def _order_of(source: DepthDataset | Mixture, seed: int, *, shuffle: bool) -> Mixture | InOrder:
    if isinstance(source, Mixture):
        if not shuffle:
            raise UsageError(
                expected="one dataset for reading in order", got="a mixture", remedy="validate on each dataset by itself"
            )
        return source
    return Mixture([source], [1.0], seed) if shuffle else InOrder(source)


def _cpus() -> int:
    """CPUs that this process may use; more workers only take memory, and torch warns of them."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _begun(loader: DataLoader[Parcel]) -> Iterator[Parcel]:
    """The batches of a pass; workers that are started for it are born deaf, and do not outlive this process."""
    others = set(active_children())
    with stop_signals_held():
        parcels = iter(loader)
    if workers := set(active_children()) - others:
        atexit.register(_end, workers)
    return parcels


def _end(workers: set[BaseProcess]) -> None:
    """What multiprocessing does at exit, until it is heard: a signal to the group that a worker has not yet taken hides the
    SIGTERM of its parent, and the interpreter would wait for that worker for ever.
    """
    for _ in range(_CALLS_TO_END):
        alive = [worker for worker in workers if worker.is_alive()]
        for worker in alive:
            worker.terminate()
        for worker in alive:
            worker.join(_BETWEEN_CALLS_S)


def _worker_loader(reader: BatchReader, plan: _Plan, settings: LoaderSettings, *, pin: bool) -> DataLoader[Parcel]:
    return DataLoader(
        reader,
        batch_size=None,  # the sampler hands out whole batches of places
        sampler=plan,
        num_workers=min(settings.workers, _cpus()),
        pin_memory=pin,
        prefetch_factor=settings.ahead,
        persistent_workers=True,
        worker_init_fn=settle_worker,
        # Without one, each epoch would draw a number from the global generator, and the weights depend on the workers.
        generator=torch.Generator(),
        collate_fn=as_it_is,
    )
