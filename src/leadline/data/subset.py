# SPDX-License-Identifier: Apache-2.0
"""A long dataset enters, a short one with evenly spaced items of it leaves: quick validation that still sees every scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.contracts.errors import ContractError

if TYPE_CHECKING:
    from leadline.contracts.sample import Field, Sample
    from leadline.data.dataset import DepthDataset


class EvenSubset:
    """At most ``most`` items of ``dataset``, evenly spaced from the first on; itself a dataset.

    >>> EvenSubset.indices(7, 3)
    [0, 2, 4]
    """

    def __init__(self, dataset: DepthDataset, most: int) -> None:
        self.dataset = dataset
        self._chosen = self.indices(len(dataset), most)

    @staticmethod
    def indices(length: int, most: int) -> list[int]:
        """Ascending item numbers, ``min(length, most)`` of them."""
        count = min(length, most)
        return [position * length // count for position in range(count)]

    @property
    def name(self) -> str:
        """The name of the whole dataset."""
        return self.dataset.name

    @property
    def provides(self) -> frozenset[Field]:
        """The fields of the whole dataset."""
        return self.dataset.provides

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int, /) -> Sample:
        """The chosen sample; shapes, units and errors are those of the whole dataset."""
        return self.dataset[self._chosen[index]]

    def key(self, index: int, /) -> str:
        """The key in the whole dataset."""
        return self.dataset.key(self._chosen[index])

    def annotations(self, index: int, /) -> object:
        """What the whole dataset knows of the chosen sample beyond it, for a protocol that measures more than depth.

        Raises:
            ContractError: it knows nothing more.
        """
        known = getattr(self.dataset, "annotations", None)
        if known is None:
            raise ContractError(
                expected="a dataset with annotations beside its samples",
                got=f"'{self.name}'",
                remedy="use the plain protocol 'depth'",
            )
        return known(self._chosen[index])
