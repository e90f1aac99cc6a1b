# SPDX-License-Identifier: Apache-2.0
"""All losses of the room under one signature, and the stored values of the released ones."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from leadline import losses
from leadline.losses.pooling import SumAcross, keep
from tests.shared_paths import shared


class Loss(Protocol):
    def __call__(self, predicted: Tensor, target: Tensor, valid: Tensor, sum_across: SumAcross = keep) -> Tensor: ...


def left_part(valid: Tensor) -> Tensor:
    """A region of two fifths of the picture."""
    inside = torch.zeros_like(valid, dtype=torch.bool)
    inside[..., : 2 * valid.shape[-1] // 5] = True
    return inside


def _adapted(function: Callable[..., Tensor], **choices: object) -> Loss:
    names = list(inspect.signature(function).parameters)
    predicted_name = next(name for name in names if name.startswith("predicted"))
    target_name = next(name for name in names if name.startswith("target"))

    def loss(predicted: Tensor, target: Tensor, valid: Tensor, sum_across: SumAcross = keep) -> Tensor:
        pair = {predicted_name: predicted, target_name: target}
        inside = {"inside": left_part(valid)} if "inside" in names else {}
        return function(**pair, **inside, **choices, valid=valid, sum_across=sum_across)

    return loss


def _functions() -> Iterator[tuple[str, Callable[..., Tensor]]]:
    """Every public function of the room that makes a loss of a prediction, a target and a mask."""
    for found in pkgutil.iter_modules(losses.__path__):
        module = importlib.import_module(f"{losses.__name__}.{found.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            parameters = inspect.signature(function).parameters
            is_loss = {"valid", "sum_across"} <= parameters.keys() and any(one.startswith("predicted") for one in parameters)
            if is_loss and function.__module__ == module.__name__ and not name.startswith("_"):
                yield name, function


# What a loss does by choice must keep the same promises as what it does by default.
CHOICES: dict[str, dict[str, object]] = {
    "pooling": {"pooling": "batch"},
    "ignore_largest": {"ignore_largest": 0.3},
    "norm": {"norm": "full"},
    "space": {"space": "raw"},
}


def _enrolled() -> Iterator[tuple[str, Loss]]:
    for name, function in _functions():
        yield name, _adapted(function)
        for parameter in CHOICES.keys() & inspect.signature(function).parameters.keys():
            yield f"{name}-{parameter}", _adapted(function, **CHOICES[parameter])


# A new loss is enrolled by being there.
LOSSES: dict[str, Loss] = dict(sorted(_enrolled()))


def example(
    images: int = 2, height: int = 6, width: int = 7, *, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    """Prediction, target and mask of which about a third of the pixels is invalid, but none in the last corner."""
    generator = torch.Generator().manual_seed(8)
    target = 0.5 + 5 * torch.rand(images, height, width, generator=generator, dtype=dtype)
    predicted = target * (0.7 + 0.6 * torch.rand(target.shape, generator=generator, dtype=dtype))
    valid = torch.rand(target.shape, generator=generator) > 0.33
    valid[:, -3:, -3:] = True
    return predicted, target, valid


class TwoRanks:
    """Runs a loss for two halves of a batch in two threads whose ``sum_across`` adds what both hand in.

    The two share one autograd graph, so a differentiable all-reduce is the sum itself.
    """

    def __init__(self) -> None:
        self._barrier, self._handed_in = threading.Barrier(2, timeout=30), [torch.zeros(()), torch.zeros(())]

    def losses(self, loss: Loss, halves: Sequence[tuple[Tensor, Tensor, Tensor]]) -> list[Tensor]:
        results = [torch.zeros(()), torch.zeros(())]

        def run(rank: int) -> None:
            results[rank] = loss(*halves[rank], sum_across=lambda sums: self._sum(rank, sums))

        threads = [threading.Thread(target=run, args=(rank,)) for rank in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def _sum(self, rank: int, sums: Tensor) -> Tensor:
        self._handed_in[rank] = sums
        self._barrier.wait()
        total = self._handed_in[0] + self._handed_in[1]
        self._barrier.wait()
        return total


class Stored:
    """The released losses' values and gradients on their stored maps."""

    def __init__(self) -> None:
        with np.load(shared("fixtures/zoe_losses_metrics.npz")) as archive:
            self.arrays = {key: torch.from_numpy(archive[key]) for key in archive.files}

    def pair(self, prediction: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Leaf (B,1,h,w), and the resized prediction, target and mask (B,H,W)."""
        leaf = self.arrays[prediction].clone().requires_grad_()
        target, valid = self.arrays["gt"][:, 0], self.arrays["mask"][:, 0].bool()
        return leaf, F.interpolate(leaf, target.shape[-2:], mode="bilinear", align_corners=True)[:, 0], target, valid

    def check(self, key: str, loss: Tensor, leaf: Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        torch.testing.assert_close(loss, self.arrays[key][0], rtol=1e-6, atol=0)
        if f"{key}_grad" in self.arrays:
            torch.testing.assert_close(leaf.grad, self.arrays[f"{key}_grad"], rtol=1e-3, atol=1e-6)
