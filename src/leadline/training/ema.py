# SPDX-License-Identifier: Apache-2.0
"""An exponential average of the trained weights: updates enter, a steadier model for validation and saving leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Ema:
    """The average of a module's trainable parameters; buffers stay the module's own.

    average_n = d * average_{n-1} + (1 - d) * parameter, with d = min(decay, (1 + n) / (10 + n)), so that the first updates,
    far from any good weights, are soon forgotten (the ramp of tf.train.ExponentialMovingAverage).

    Args:
        module: whose parameters are followed.
        decay: d after the first updates, in (0, 1).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay = decay
        self._parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self._average = {name: p.detach().clone() for name, p in self._parameters.items()}

    @torch.no_grad()
    def update(self, updates: int) -> None:
        """Follow the weights after update number ``updates``, counted from 1."""
        decay = min(self._decay, (1 + updates) / (10 + updates))
        torch._foreach_lerp_(list(self._average.values()), list(self._parameters.values()), 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within, the module holds the average; afterwards its own weights again, bit for bit."""
        own = {name: p.data for name, p in self._parameters.items()}
        try:
            for name, p in self._parameters.items():
                p.data = self._average[name]
            yield
        finally:
            for name, p in self._parameters.items():
                p.data = own[name]

    def tensors(self) -> dict[str, Tensor]:
        """Parameter name -> average, in the shape, dtype and on the device of the parameter, not a copy."""
        return dict(self._average)

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take the averages of ``tensors``, which must hold one of the parameter's shape for every name of ``tensors()``."""
        for name, average in self._average.items():
            average.copy_(tensors[name])
