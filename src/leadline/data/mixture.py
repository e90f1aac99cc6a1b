# SPDX-License-Identifier: Apache-2.0
"""Datasets and weights enter; which item of which dataset stands at each position of each epoch leaves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from leadline.contracts.sample import Field
    from leadline.data.dataset import DepthDataset


_LARGEST_WEIGHT = 1e100  # beyond it, sums and shares would overflow


class Mixture:
    """Datasets drawn from in fixed proportions; every draw is a pure function of (seed, epoch, position).

    An epoch holds exactly the largest-remainder share of each dataset, spread evenly, so that every stretch of it has nearly
    the same composition.  Within a dataset no item comes again before all others came, across epochs too.

    Args:
        datasets: what is mixed; none may be empty, not even one of weight 0.
        weights: relative share of the samples of each dataset.
        seed: another seed gives another order.
        epoch_length: samples per epoch; None for as many as all datasets of positive weight hold together.

    Raises:
        UsageError: weights negative, beyond 1e100, all zero or not one per dataset; a negative seed; an empty epoch.
        DataError: an empty dataset.
    """

    def __init__(
        self, datasets: Sequence[DepthDataset], weights: Sequence[float], seed: int, epoch_length: int | None = None
    ) -> None:
        _check_weights([dataset.name for dataset in datasets], weights)
        if seed < 0 or (epoch_length is not None and epoch_length < 1):
            raise UsageError(
                expected="a seed of at least 0 and at least one sample per epoch",
                got=f"seed {seed}, epoch length {epoch_length}",
                remedy="correct them, or leave the epoch length out",
            )
        for dataset in datasets:
            require_samples(dataset)
        self.datasets = tuple(datasets)
        self.seed = seed
        used = [len(dataset) for dataset, weight in zip(datasets, weights, strict=True) if weight > 0]
        self._counts = composition(weights, sum(used) if epoch_length is None else epoch_length)
        self._turns = _interleaved(self._counts)
        self._orders: dict[tuple[int, int], NDArray[np.int64]] = {}

    def __len__(self) -> int:
        """Samples per epoch."""
        return int(self._turns.shape[0])

    @property
    def provides(self) -> frozenset[Field]:
        """The fields that every dataset drawn from provides."""
        used = [dataset.provides for dataset, count in zip(self.datasets, self._counts, strict=True) if count]
        return frozenset.intersection(*used) if used else frozenset()

    def draw(self, epoch: int, position: int) -> tuple[int, int]:
        """(dataset index, item index) of the sample at ``position`` in [0, len) of ``epoch`` >= 0."""
        chosen, turn = self._turns[position].tolist()
        rounds, place = divmod(epoch * self._counts[chosen] + turn, len(self.datasets[chosen]))
        return chosen, int(self._order(chosen, rounds)[place])

    def _order(self, chosen: int, rounds: int) -> NDArray[np.int64]:
        """The permutation in which dataset ``chosen`` is gone through for the ``rounds``-th time."""
        if (chosen, rounds) not in self._orders:
            for old in [key for key in self._orders if key[0] == chosen and key[1] != rounds - 1]:
                del self._orders[old]
            generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence((self.seed, chosen, rounds))))
            self._orders[chosen, rounds] = generator.permutation(len(self.datasets[chosen]))
        return self._orders[chosen, rounds]


def composition(weights: Sequence[float], length: int) -> list[int]:
    """How many of ``length`` samples each weight gets: the floor of its share, the rest to the largest remainders.

    >>> composition([2, 1, 1], 10)
    [5, 3, 2]
    """
    total = math.fsum(weights)
    shares = [length * weight / total for weight in weights]
    counts = [math.floor(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (counts[i] - shares[i], i))
    for index in by_remainder[: length - sum(counts)]:
        counts[index] += 1
    return counts


def require_samples(dataset: DepthDataset) -> None:
    """DataError when a dataset holds nothing."""
    if len(dataset) == 0:
        raise DataError(
            expected=f"at least one sample in dataset '{dataset.name}'", got="none", remedy="check its root, split and list"
        )


def _interleaved(counts: Sequence[int]) -> NDArray[np.int64]:
    """(sum of counts, 2) rows (dataset, how many of it came before), each dataset's turns evenly spaced over the epoch."""
    which = np.repeat(np.arange(len(counts)), counts)
    turn = np.concatenate([np.arange(count) for count in counts])
    due = (turn + 0.5) / np.array(counts)[which]
    return np.stack([which, turn], 1)[np.argsort(due, kind="stable")]


def _check_weights(names: Sequence[str], weights: Sequence[float]) -> None:
    usable = len(weights) == len(names) and all(0 <= w <= _LARGEST_WEIGHT for w in weights) and any(w > 0 for w in weights)
    if not usable:
        raise UsageError(
            expected=f"one weight for each of {len(names)} datasets ({', '.join(names)}), none negative, not all zero",
            got=", ".join(f"{weight:g}" for weight in weights) or "none",
            remedy="give as many weights as datasets, e.g. 2 1 for twice as many samples of the first",
        )
