# SPDX-License-Identifier: Apache-2.0
"""A class of five short members is a dataset; nothing else is asked of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from leadline.contracts.sample import Field, Sample
from leadline.data.dataset import DepthDataset
from leadline.data.inspection import inspect_dataset


@dataclass(frozen=True)
class TwoGreySquares:
    name: str = "grey"
    provides: frozenset[Field] = frozenset({Field.IMAGE})

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int, /) -> Sample:
        return Sample(key=self.key(index), dataset=self.name, image=torch.full((3, 4, 4), 0.5))

    def key(self, index: int, /) -> str:
        return f"square {index}"


def test_depth_dataset__is_satisfied_by_plain_attributes() -> None:
    dataset: DepthDataset = TwoGreySquares()
    report = inspect_dataset(dataset)
    assert (report.name, report.count, report.sizes) == ("grey", 2, {(4, 4): 2})
