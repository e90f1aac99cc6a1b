# SPDX-License-Identifier: Apache-2.0
"""What every dataset looks like to the rest of the house: an index goes in, a Sample comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from leadline.contracts.sample import Field, Sample


class DepthDataset(Protocol):
    """A finite, ordered collection of samples.

    The order is stable: sorted by key, or the order of the list the dataset was opened with.  Reading item i is a pure
    function of i, so any worker may read any item.  An item that cannot be read raises
    :class:`~leadline.contracts.errors.DataError` naming the file; nothing is replaced by zeros.
    """

    @property
    def name(self) -> str:
        """The dataset's name in the catalog, repeated in every sample."""
        ...

    @property
    def provides(self) -> frozenset[Field]:
        """The fields that *every* sample of this dataset carries."""
        ...

    def __len__(self) -> int:
        """Number of samples, never 0."""
        ...

    def __getitem__(self, index: int, /) -> Sample:
        """Sample ``index`` in [0, len): shapes and units as ``Sample`` states them.

        Raises:
            DataError: the item cannot be read; the file is named.
        """
        ...

    def key(self, index: int, /) -> str:
        """The key of sample ``index``, known without reading any file."""
        ...
