# SPDX-License-Identifier: Apache-2.0
"""A recipe that needs to survey its update, and a stream whose batches are parts of larger ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from leadline.contracts.sample import Batch
from leadline.training.recipe import Progress, StepResult
from tests.training.test_distributed import double
from tests.training.toy import ToyRecipe, ToyStream

WHOLE = 8  # pictures of an update


@dataclass
class Parts(ToyStream):
    """Batches of eight pictures, each given out in ``split`` parts to ``world`` ranks."""

    split: int = 1

    def batch(self, epoch: int, step: int) -> Batch:
        whole = double(0, ToyStream(batch_size=WHOLE).batch(epoch, step // self.split))
        number, place = self.split * self.world, step % self.split * self.world + self.rank
        return rows(whole, slice(place * WHOLE // number, (place + 1) * WHOLE // number))


def rows(batch: Batch, share: slice) -> Batch:
    assert batch.depth is not None
    assert batch.valid is not None
    return replace(
        batch,
        keys=batch.keys[share],
        datasets=batch.datasets[share],
        image=batch.image[share],
        depth=batch.depth[share],
        valid=batch.valid[share],
    )


@dataclass(frozen=True)
class Totals:
    mean: Tensor
    pictures: Tensor
    batches: int


class Central(ToyRecipe):
    """The variance over pictures of what the network says of each: nothing that one part of a batch could know."""

    def __init__(self, *, dropout: float = 0.0, steady: bool = True, surveys: bool = True) -> None:
        self.steady = steady
        super().__init__(dropout=dropout)
        self.surveys = surveys
        self.double()
        self.calls: list[str] = []
        self.seen: dict[str, list[Tensor]] = {"survey": [], "step": []}

    def train(self, mode: bool = True) -> Central:  # noqa: FBT002
        super().train(mode)
        if self.steady:
            self.net.encoder.eval()
        return self

    def after_step(self) -> None:
        self.calls.append("after_step")

    def embed(self, batches: Mapping[str, Batch], caller: str) -> Tensor:
        embedding: Tensor = self.net(batches["train"].image).mean(dim=(1, 2))
        self.calls.append(f"{caller} {batches['train'].keys[0]}")
        self.seen[caller].append(embedding.detach())
        return embedding

    def survey(self, batches: Iterable[Mapping[str, Batch]], progress: Progress) -> Totals:
        assert not torch.is_grad_enabled()
        assert self.training
        found = [self.embed(one, "survey") for one in batches]
        sums = progress.sum_across(torch.stack([torch.cat(found).sum(), torch.tensor(float(len(torch.cat(found))))]))
        return Totals(mean=sums[0] / sums[1], pictures=sums[1], batches=len(found))

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        embedding, known = self.embed(batches, "step"), progress.surveyed
        if isinstance(known, Totals):  # the mean's own gradient is 0: deviations from a mean add up to nothing
            own = progress.sum_across((embedding - known.mean).square().sum())
            return StepResult(loss=known.batches * own / known.pictures)
        pictures = progress.sum_across(torch.tensor(float(len(embedding))))
        mean = progress.sum_across(embedding.sum()) / pictures
        return StepResult(loss=progress.sum_across((embedding - mean).square().sum()) / pictures)
