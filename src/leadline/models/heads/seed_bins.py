# SPDX-License-Identifier: Apache-2.0
"""The coarsest feature map enters, the first guess of the bin centres of every pixel leaves."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from leadline.models.heads.precision import at_least_float32

# Keeps a bin from having no width, and a pair of attractor channels from being 0 / 0, where the activations are zero
# (ZoeDepth's seed regressor and attractor layer).
MIN_ACTIVATION = 1e-3


def pixel_perceptron(in_channels: int, hidden: int, out_channels: int, *last: nn.Module) -> nn.Sequential:
    """Two 1x1 convolutions, numbered 0 and 2 as in ZoeDepth's checkpoints, with a ReLU between them."""
    return nn.Sequential(nn.Conv2d(in_channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, out_channels, 1), *last)


class Projector(nn.Module):
    """Feature map to bin embedding: (B,C,h,w) -> (B,embedding,h,w)   (ZoeDepth's ``Projector``)."""

    def __init__(self, in_channels: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self._net = pixel_perceptron(in_channels, hidden, embedding)

    def forward(self, features: Tensor) -> Tensor:
        """(B,C,h,w) -> (B,embedding,h,w), no unit."""
        return cast("Tensor", self._net(features))


class SeedBins(nn.Module):
    """First bin centres in metres, predicted from the coarsest map (ZoeDepth's ``SeedBinRegressor``, ``...Unnormed``).

    Args:
        in_channels, hidden: widths of the two layers.
        n_bins: N.
        range_m: depths between which bounded bins lie, or None for unbounded ones.
    """

    def __init__(self, in_channels: int, hidden: int, n_bins: int, *, range_m: tuple[float, float] | None) -> None:
        super().__init__()
        self.range_m = range_m
        self._net = pixel_perceptron(in_channels, hidden, n_bins, nn.Softplus() if range_m is None else nn.ReLU())

    def forward(self, features: Tensor) -> Tensor:
        """(B,C,h,w) -> (B,N,h,w) metres, at least float32 also under autocast; ascending along N where bounded."""
        # Rounded to bfloat16, a centre at 8 m would move by 3 cm; the coarsest map is small enough to be exact.
        with torch.autocast(features.device.type, enabled=False):
            activation = at_least_float32(self._net(features.to(next(self.parameters()).dtype)))
        return activation if self.range_m is None else centers_from_widths(normalised_widths(activation), self.range_m)


def normalised_widths(activation: Tensor) -> Tensor:
    """Shares of the depth range that sum to 1 over the bins   (ZoeDepth's seed regressor, arXiv 2302.12288).

    (B,N,h,w) not negative -> (B,N,h,w) in (0, 1], no unit.

    >>> normalised_widths(torch.tensor([0.0, 0.998]).reshape(1, 2, 1, 1)).flatten()
    tensor([0.0010, 0.9990])
    """
    activation = activation + MIN_ACTIVATION
    return activation / activation.sum(dim=1, keepdim=True)


def centers_from_widths(widths: Tensor, range_m: tuple[float, float]) -> Tensor:
    """Midpoints of bins laid side by side from the near to the far end of ``range_m`` (AdaBins, arXiv 2011.14141).

    Args:
        widths: (B,N,h,w) shares that sum to 1 over N, no unit.
        range_m: near and far end, metres.

    Returns:
        (B,N,h,w) metres, ascending along N.

    >>> shares = torch.tensor([0.25, 0.75]).reshape(1, 2, 1, 1)
    >>> centers_from_widths(shares, (0.0, 8.0)).flatten()
    tensor([1., 5.])
    """
    near_m, far_m = range_m
    widths_m = nn.functional.pad((far_m - near_m) * widths, (0, 0, 0, 0, 1, 0), value=near_m)
    edges_m = torch.cumsum(widths_m, dim=1)
    return 0.5 * (edges_m[:, :-1] + edges_m[:, 1:])
