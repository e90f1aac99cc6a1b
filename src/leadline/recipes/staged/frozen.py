# SPDX-License-Identifier: Apache-2.0
"""A network that only watches enters; the same, out of sight of optimisers and checkpoints, leaves.

A recipe's own parameters are saved with every checkpoint; a frozen teacher of five gigabytes need not be.  It is found again
by its name, which the run's configuration holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import torch
    from torch import nn

N = TypeVar("N", bound="nn.Module")


class Frozen(Generic[N]):
    """Keeps a network in evaluation mode, without gradients, and brings it to where it is asked.

    Args:
        network: changed in place.
    """

    def __init__(self, network: N) -> None:
        self._network = network.eval().requires_grad_(requires_grad=False)
        self._device: torch.device | None = None

    def on(self, device: torch.device) -> N:
        """The network on ``device``."""
        if device != self._device:
            self._network, self._device = self._network.to(device), device
        return self._network
