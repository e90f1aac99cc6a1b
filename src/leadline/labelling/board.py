# SPDX-License-Identifier: Apache-2.0
"""What executors tell of their shards enters; the job, its progress with rate and remaining time, and its summary leave."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from leadline.contracts.errors import DataError, LeadlineError
from leadline.data.label_folder import LabelJob, ShardRecord
from leadline.data.picture_shards import PictureShard
from leadline.labelling.job import ModelFacts, begin_or_join, require_same
from leadline.labelling.plan import Plan
from leadline.labelling.request import LabelRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelProgress:
    """Where a job stands.

    Attributes:
        shards_done, shards: of all shards of the plan.
        pictures: labelled since this process began, those of unfinished shards included.
        per_second: pictures a second since the first worker was ready; 0.0 before.
        remaining_s: at this pace; None before anything can be said.
    """

    shards_done: int
    shards: int
    pictures: int
    per_second: float
    remaining_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelSummary:
    """What a job came to, finished shards of earlier runs included.

    Attributes:
        shards: all of the plan, every one done.
        already_done: of these, before this run.
        pictures, labels, dropped, unreadable, dead, all_sky: as in ``ShardRecord``, summed.
        seconds, per_second: of this run, from the first worker that was ready.
    """

    shards: int
    already_done: int
    pictures: int
    labels: int
    dropped: int
    unreadable: int
    dead: int
    all_sky: int
    seconds: float
    per_second: float


OnProgress = Callable[[LabelProgress], None]


class Board:
    """Where executors report; one per run.

    Args:
        request: the job's.
        plan: what was done before.
        on_progress: told after each report.
        clock: seconds, for tests.
    """

    def __init__(
        self, request: LabelRequest, plan: Plan, on_progress: OnProgress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.request, self.plan = request, plan
        self.job: LabelJob | None = None
        self._on_progress, self._clock = on_progress, clock
        self._records: dict[int, ShardRecord] = dict(plan.done)
        self._running: dict[int, int] = {}
        self._failures: list[tuple[PictureShard, LeadlineError]] = []
        self._pictures = 0
        self._begun_s: float | None = None

    def opened(self, facts: ModelFacts) -> LabelJob:
        """A worker has opened the model; the first one begins or joins the job, the others must agree with it."""
        if self.job is None:
            self.job = begin_or_join(self.request, facts)
            self._begun_s = self._clock()
        else:
            require_same(self.job, facts, self.request)
        self._tell()
        return self.job

    def labelled(self, shard: PictureShard, pictures: int) -> None:
        """So many more pictures of a running shard."""
        self._running[shard.index] = self._running.get(shard.index, 0) + pictures
        self._tell()

    def lost(self, shard: PictureShard) -> None:
        """The worker of a running shard died; what it did counts no more."""
        self._running.pop(shard.index, None)

    def done(self, record: ShardRecord) -> None:
        """A shard is finished."""
        self._running.pop(record.index, None)
        self._records[record.index] = record
        self._pictures += record.pictures
        self._tell()

    def failed(self, shard: PictureShard, error: LeadlineError) -> None:
        """A shard cannot be labelled.  Raises ``error``, unless it is the shard's own and the policy is to skip."""
        self._running.pop(shard.index, None)
        if self.request.on_unreadable == "stop" or not isinstance(error, DataError):
            raise error
        self._failures.append((shard, error))

    def progress(self) -> LabelProgress:
        """Where the job stands."""
        pictures = self._pictures + sum(self._running.values())
        elapsed = 0.0 if self._begun_s is None else self._clock() - self._begun_s
        rate = pictures / elapsed if elapsed > 0 else 0.0
        total = self._pictures_to_do()
        return LabelProgress(
            shards_done=len(self._records),
            shards=len(self.plan.shards),
            pictures=pictures,
            per_second=rate,
            remaining_s=max(0.0, total - pictures) / rate if rate and total is not None else None,
        )

    def summary(self) -> LabelSummary:
        """What the job came to.

        Raises:
            DataError: shards that could not be labelled; they stay unfinished, and the first is named.
        """
        if self._failures:
            shard, error = self._failures[0]
            raise DataError(
                expected="every shard to be labelled",
                got=f"{len(self._failures)} of {len(self.plan.shards)} left unfinished, the first {shard.name}: {error}",
                remedy="mend or remove these, then run the same command again, which labels only what is missing",
            )
        records = self._records.values()
        now = self.progress()
        return LabelSummary(
            shards=len(self.plan.shards),
            already_done=len(self.plan.done),
            pictures=sum(record.pictures for record in records),
            labels=sum(record.labels for record in records),
            dropped=sum(record.dropped for record in records),
            unreadable=sum(record.unreadable for record in records),
            dead=sum(record.dead for record in records),
            all_sky=sum(record.all_sky for record in records),
            seconds=0.0 if self._begun_s is None else self._clock() - self._begun_s,
            per_second=now.per_second,
        )

    def _pictures_to_do(self) -> float | None:
        """Pictures of this run; where a tar has not been counted, as many as the finished shards have on the average."""
        counts = [shard.count for shard in self.plan.pending]
        known = [count for count in counts if count is not None]
        if len(known) == len(counts):
            return float(sum(known))
        if not self._records:
            return None
        mean = sum(record.pictures for record in self._records.values()) / len(self._records)
        return sum(known) + mean * (len(counts) - len(known))

    def _tell(self) -> None:
        self._on_progress(self.progress())
