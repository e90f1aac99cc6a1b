# SPDX-License-Identifier: Apache-2.0
"""Several sources of batches side by side: streams and a position enter, one batch of each leaves, resumed or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from leadline.contracts.errors import ContractError

if TYPE_CHECKING:
    from leadline.contracts.sample import Batch, Field


class BatchSource(Protocol):
    """Batches whose order is a pure function of (seed, epoch, position); ``leadline.data.loader.SampleStream`` is one."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one epoch."""

    @property
    def provides(self) -> frozenset[Field]:
        """Fields that every batch carries beside the image."""

    @property
    def skipped(self) -> Sequence[str]:
        """Names of samples that could not be read and were left out."""

    def batches(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from position ``first_step`` on; shapes and units as in ``Batch``."""


def check_needs(needs: Mapping[str, frozenset[Field]], streams: Mapping[str, BatchSource]) -> None:
    """Refuse streams that do not fit the recipe, before the first batch.

    Raises:
        ContractError: a stream is missing, unknown, empty, or lacks a field.
    """
    if set(needs) != set(streams):
        raise ContractError(
            expected=f"streams {sorted(needs)}", got=f"{sorted(streams)}", remedy="give the recipe each stream it names"
        )
    for name, fields in needs.items():
        lacking = sorted(field.name for field in fields - streams[name].provides)
        if lacking:
            raise ContractError(
                expected=f"stream {name!r} to carry {', '.join(lacking)}",
                got=", ".join(sorted(field.name for field in streams[name].provides)) or "images only",
                remedy="choose a dataset that has it (leadline list datasets)",
            )
        if streams[name].steps_per_epoch < 1:
            raise ContractError(
                expected=f"at least one batch in stream {name!r}",
                got="none",
                remedy="use a smaller batch or a larger dataset",
            )


def batches_per_epoch(streams: Mapping[str, BatchSource]) -> int:
    """An epoch is one pass over the longest stream."""
    return max(stream.steps_per_epoch for stream in streams.values())


def joined(streams: Mapping[str, BatchSource], epoch: int, first: int) -> Iterator[dict[str, Batch]]:
    """One batch of every stream at a time, from position ``first`` of ``epoch`` to its end.

    A shorter stream goes round in epochs of its own: at the run's k-th batch it stands in its epoch k // n at batch k % n.
    Batches pass unchanged, shapes and units as in ``Batch``.

    Raises:
        ContractError: while iterating, where a stream gives more or fewer batches than it promised.
    """
    length = batches_per_epoch(streams)
    sources = {name: _endless(stream, epoch * length + first) for name, stream in streams.items()}
    for _ in range(first, length):
        yield {name: next(source) for name, source in sources.items()}


def _endless(stream: BatchSource, position: int) -> Iterator[Batch]:
    epoch, first = divmod(position, stream.steps_per_epoch)
    while True:
        yield from _counted(stream, epoch, first)
        epoch, first = epoch + 1, 0


def _counted(stream: BatchSource, epoch: int, first: int) -> Iterator[Batch]:
    """An epoch's batches from ``first`` on, as many as promised; the source is exhausted before the last one is used."""
    batches = stream.batches(epoch, first)
    for step in range(first, stream.steps_per_epoch):
        batch = next(batches, None)
        surplus = next(batches, None) if step == stream.steps_per_epoch - 1 else None
        if batch is None or surplus is not None:
            raise ContractError(
                expected=f"{stream.steps_per_epoch} batches in epoch {epoch} of a stream",
                got=f"{step} and no more" if batch is None else "more",
                remedy="correct the stream: a resumed run could not find its place in it",
            )
        yield batch
