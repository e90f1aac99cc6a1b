# SPDX-License-Identifier: Apache-2.0
"""A tiny dataset in memory for the loader's tests: the item number goes in, a picture filled with it comes out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, Sample


@dataclass
class MemoryDataset:
    """``size`` pictures of 2x3; item i is filled with i % 1000 / 1000; items in ``broken`` cannot be read."""

    size: int
    name: str = "memory"
    broken: frozenset[int] = frozenset()
    reads: list[int] = field(default_factory=list)
    log: Path | None = None

    @property
    def provides(self) -> frozenset[Field]:
        return frozenset({Field.IMAGE, Field.DEPTH})

    def __len__(self) -> int:
        return self.size

    def key(self, index: int, /) -> str:
        return f"{index:04d}"

    def __getitem__(self, index: int, /) -> Sample:
        self.reads.append(index)
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{os.getpid()} {index} {torch.get_num_threads()}\n")
        if index in self.broken:
            raise DataError(expected="a picture", got=f"{self.name}/{index:04d}.png, truncated", remedy="restore it")
        filled = torch.full((3, 2, 3), index % 1000 / 1000)
        return Sample(
            key=self.key(index),
            dataset=self.name,
            image=filled,
            depth=filled[0] + 1,
            valid=torch.ones(2, 3, dtype=torch.bool),
        )
