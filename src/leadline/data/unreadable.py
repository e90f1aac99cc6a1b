# SPDX-License-Identifier: Apache-2.0
"""A dataset and an item enter; the sample leaves, or the next readable one and the names of those that were not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from leadline.contracts.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from leadline.contracts.sample import Sample
    from leadline.data.dataset import DepthDataset

OnUnreadable: TypeAlias = Literal["stop", "skip"]

MOST_IN_A_ROW = 64
"""So many unreadable samples one after the other mean a wrong folder, not a few broken files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnreadableSample:
    """What is known of one: ``name`` is dataset/key, ``reason`` the error's sentence."""

    name: str
    reason: str


def read_item(dataset: DepthDataset, index: int, finish: Callable[[Sample], Sample]) -> Sample | UnreadableSample:
    """The finished sample, or what is wrong with it; shapes and units are those that ``finish`` leaves.

    Args:
        dataset: where to read.
        index: which item.
        finish: applied to the sample; a DataError from it counts as unreadable too.
    """
    try:
        return finish(dataset[index])
    except DataError as error:
        return UnreadableSample(name=f"{dataset.name}/{dataset.key(index)}", reason=str(error))


def read_or_next(
    dataset: DepthDataset, index: int, finish: Callable[[Sample], Sample]
) -> tuple[Sample, list[UnreadableSample]]:
    """Item ``index``, or the next readable one in the dataset's order (round its end), and those skipped on the way.

    Shapes and units are those that ``finish`` leaves.

    Raises:
        DataError: every item, or ``MOST_IN_A_ROW`` of them in a row, is unreadable; the last reason is quoted.
    """
    skipped: list[UnreadableSample] = []
    for step in range(min(len(dataset), MOST_IN_A_ROW)):
        outcome = read_item(dataset, (index + step) % len(dataset), finish)
        if not isinstance(outcome, UnreadableSample):
            return outcome, skipped
        skipped.append(outcome)
    raise DataError(
        expected=f"a readable sample in dataset '{dataset.name}'",
        got=f"{len(skipped)} unreadable in a row, the last: {skipped[-1].reason}",
        remedy="check the dataset's folder",
    )
