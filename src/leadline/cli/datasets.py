# SPDX-License-Identifier: Apache-2.0
"""What the command line says about a dataset enters; the opened dataset leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leadline.data.named_values import named_values

if TYPE_CHECKING:
    from leadline.data.dataset import DepthDataset


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetChoice:
    """The dataset flags that verbs share.

    Attributes:
        name: in the catalog.
        root, split, listing: see ``leadline.data.request.DatasetRequest``.
        options: ``key=value`` each.
    """

    name: str
    root: Path | None
    split: str | None
    listing: Path | None
    options: tuple[str, ...]

    @property
    def given_options(self) -> dict[str, str]:
        """The options by name.  Raises UsageError for one that is not key=value or is given twice."""
        return named_values(self.options, flag="--option")

    @property
    def record(self) -> dict[str, object]:
        """What was asked for as plain JSON values, for result files; no split means ``all`` in every dataset."""
        return {
            "root": None if self.root is None else str(self.root),
            "split": self.split or "all",
            "listing": None if self.listing is None else str(self.listing),
            "options": self.given_options,
        }


def open_chosen(choice: DatasetChoice) -> DepthDataset:
    """Open the dataset.

    Raises:
        UsageError: an unknown dataset, split or option; an option that is not key=value or is given twice; no root
            where one is needed.
        DataError: the files are not what the dataset should be.
    """
    from leadline.data.catalog import open_dataset
    from leadline.data.request import DatasetRequest

    request = DatasetRequest(root=choice.root, split=choice.split, listing=choice.listing, options=choice.given_options)
    return open_dataset(choice.name, request)
