# SPDX-License-Identifier: Apache-2.0
"""The places of one batch enter a reading process; the batch, or a refusal, and what had to be skipped leave it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch.utils.data import Dataset

from leadline.contracts.errors import LeadlineError
from leadline.data.collation import collate, pinned
from leadline.data.conventions import require_conventions, require_types
from leadline.data.mixture import Mixture, require_samples
from leadline.data.unreadable import OnUnreadable, UnreadableSample, read_item, read_or_next

if TYPE_CHECKING:
    from types import TracebackType

    from leadline.contracts.sample import Batch, Sample
    from leadline.data.dataset import DepthDataset
    from leadline.transforms.pipeline import Transform

_STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}
_AUGMENTATION = 1  # keeps the generators of transforms apart from those of the sample order

Place: TypeAlias = tuple[int, int]
"""(epoch, position in the epoch)."""


class InOrder:
    """Every item of one dataset once, first to last, as validation reads them; drawn from like a mixture."""

    def __init__(self, dataset: DepthDataset) -> None:
        require_samples(dataset)
        self.datasets = (dataset,)
        self.provides = dataset.provides

    def __len__(self) -> int:
        return len(self.datasets[0])

    def draw(self, _epoch: int, position: int) -> tuple[int, int]:
        """Dataset 0 and the item at ``position``, the same in every epoch."""
        return 0, position


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """What a worker hands over: a batch or a refusal, and what was skipped on the way."""

    batch: Batch | None = None
    skipped: tuple[UnreadableSample, ...] = ()
    refusal: tuple[type[LeadlineError], str, str, str] | None = None

    def pin_memory(self) -> Parcel:
        """Called by the DataLoader's pinning thread."""
        batch = None if self.batch is None else pinned(self.batch)
        return Parcel(batch=batch, skipped=self.skipped, refusal=self.refusal)


class BatchReader(Dataset[Parcel]):
    """Reads one batch, given its places, in whatever process it finds itself."""

    def __init__(
        self, order: Mixture | InOrder, transform: Transform | None, *, seed: int, on_unreadable: OnUnreadable
    ) -> None:
        self._order, self._transform = order, transform
        self._seed, self._on_unreadable = seed, on_unreadable
        self._looked_at: set[str] = set()  # datasets of which one sample's values were checked, in this process

    def __getitem__(self, places: list[Place]) -> Parcel:
        # An exception that crosses processes arrives with the worker's traceback; a user's mistake should be one line.
        try:
            samples, skipped = self._read(places)
            return Parcel(batch=collate(samples) if samples else None, skipped=tuple(skipped))
        except LeadlineError as error:
            return Parcel(refusal=(type(error), error.expected, error.got, error.remedy))

    def _read(self, places: list[Place]) -> tuple[list[Sample], list[UnreadableSample]]:
        samples: list[Sample] = []
        skipped: list[UnreadableSample] = []
        for place in places:
            chosen, item = self._order.draw(*place)
            dataset, finish = self._order.datasets[chosen], partial(self._finish, place=place)
            if self._on_unreadable == "stop":
                samples.append(finish(dataset[item]))
            elif isinstance(self._order, Mixture):
                sample, passed = read_or_next(dataset, item, finish)
                samples.append(sample)
                skipped.extend(passed)
            else:  # a substitute would be counted twice in a validation, so an unreadable sample is left out
                outcome = read_item(dataset, item, finish)
                (skipped if isinstance(outcome, UnreadableSample) else samples).append(outcome)  # type: ignore[arg-type]
        return samples, skipped

    def _finish(self, sample: Sample, *, place: Place) -> Sample:
        require_types(sample)
        if sample.dataset not in self._looked_at:
            require_conventions(sample)
            self._looked_at.add(sample.dataset)
        if self._transform is None:
            return sample
        state = np.random.SeedSequence((self._seed, *place, _AUGMENTATION)).generate_state(2, np.uint32).tolist()
        generator = torch.Generator().manual_seed((state[0] << 31) ^ state[1])
        return self._transform(sample, generator)


def as_it_is(parcel: Any) -> Any:
    """What the DataLoader does with a parcel that is a batch already: nothing."""
    return parcel


@contextmanager
def stop_signals_held() -> Iterator[None]:
    """Within, SIGINT and SIGTERM wait, here and in processes started here: a worker is born deaf until it has settled."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def settle_worker(_worker: int) -> None:
    """One thread per process; a signal to the whole process group is left to the main process, which ends its workers."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = _report_unless_abandoned
    # A worker that died of the group's SIGTERM would make the main process fail while it is still saving.
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        Thread(target=_end_when_the_parent_says_so, daemon=True).start()
    elif hasattr(signal, "pthread_sigmask"):  # macOS: cannot ask who sent it, and must not stay deaf to its parent
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _report_unless_abandoned(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The main process may be interrupted while it takes over a batch; the closed connection is no news to anybody."""
    if not issubclass(kind, ConnectionError | EOFError):
        sys.__excepthook__(kind, error, trace)


def _end_when_the_parent_says_so() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
