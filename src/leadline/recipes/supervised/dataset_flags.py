# SPDX-License-Identifier: Apache-2.0
"""The dataset flags that recipes share, NAME=VALUE each, enter; a request for any dataset of the catalog leaves.

A dataset that is in the catalog can therefore be trained on without a word in any recipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leadline.contracts.errors import UsageError
from leadline.data.catalog import dataset_entry
from leadline.data.named_values import named_values
from leadline.data.request import DatasetRequest, OptionValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OPTION = "NAME.KEY=VALUE"


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetFlags:
    """What a command line says about its datasets, by name.

    Attributes:
        roots: folders.
        lists: CSV, JSON, JSONL, text or annotation files.
        options: the datasets' own settings.
    """

    roots: Mapping[str, Path]
    lists: Mapping[str, Path]
    options: Mapping[str, Mapping[str, OptionValue]]

    def request(self, name: str, *, part: str, root_flag: str = "") -> DatasetRequest:
        """A part ("train", "val" or "test") of a dataset; a benchmark has no parts and is requested whole.

        Raises:
            UsageError: an unknown name; no folder for a dataset that needs one (``root_flag`` is named as a remedy too).
        """
        entry = dataset_entry(name)
        if entry.needs_root and name not in self.roots:
            raise UsageError(
                expected=f"{root_flag and f'{root_flag} DIR or '}--dataset-root {name}=DIR for dataset {name}",
                got="nothing",
                remedy=f"give it, or leave {name} out of --datasets",
            )
        return DatasetRequest(
            root=self.roots.get(name),
            listing=self.lists.get(name),
            split=None if entry.evaluation_only else part,
            options=self.options.get(name, {}),
        )


def read_dataset_flags(
    datasets: Sequence[str], *, roots: Sequence[str], lists: Sequence[str], options: Sequence[str]
) -> DatasetFlags:
    """``("nyu=/data/nyu",)``, ``("nyu=my.csv",)``, ``("nyu.crop_white_border=true",)`` by dataset.

    Raises:
        UsageError: not of that form, given twice, or about a dataset that is not among ``datasets``.
    """
    folders = {name: Path(value) for name, value in named_values(roots, flag="--dataset-root", form="NAME=DIR").items()}
    files = {name: Path(value) for name, value in named_values(lists, flag="--dataset-list", form="NAME=FILE").items()}
    by_option: dict[str, dict[str, OptionValue]] = {}
    for name_and_key, value in named_values(options, flag="--dataset-option", form=_OPTION).items():
        name, dot, key = name_and_key.partition(".")
        if not dot or not key:
            raise UsageError(
                expected=f"--dataset-option {_OPTION}", got=f"'{name_and_key}={value}'", remedy="name the dataset first"
            )
        by_option.setdefault(name, {})[key] = value
    for name in [*folders, *files, *by_option]:
        if name not in datasets:
            raise UsageError(
                expected=f"--dataset-root, --dataset-list and --dataset-option about {', '.join(datasets)}",
                got=f"'{name}'",
                remedy=f"add {name} to --datasets, or correct the name",
            )
    return DatasetFlags(roots=folders, lists=files, options=by_option)
