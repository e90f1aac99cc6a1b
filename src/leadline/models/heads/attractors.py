# SPDX-License-Identifier: Apache-2.0
"""Bin centres and a finer feature map enter, the centres pulled towards the points that the features predict leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, cast

import torch
from torch import Tensor, nn

from leadline.models.head_config import RELEASED_ALPHA, RELEASED_GAMMA
from leadline.models.heads.first_order import first_order
from leadline.models.heads.precision import at_least_float32
from leadline.models.heads.seed_bins import MIN_ACTIVATION, pixel_perceptron


@dataclass(frozen=True, kw_only=True, slots=True)
class Attraction:
    """How strongly one point pulls a centre at signed distance d, and how many pulls are joined.

    Attributes:
        type: "inv" d / (1 + alpha |d|^gamma); "exp" d exp(-alpha |d|^gamma)   (ZoeDepth, arXiv 2302.12288).
        kind: "sum" or "mean" over the attractors of a level.
        alpha: larger is weaker and shorter-ranged.
        gamma: exponent of the distance.
    """

    type: Literal["inv", "exp"] = "inv"
    kind: Literal["sum", "mean"] = "sum"
    alpha: float = RELEASED_ALPHA
    gamma: int = RELEASED_GAMMA

    def pull(self, distance: Tensor) -> Tensor:
        """Step of a centre towards a point ``distance`` away: (B,N,h,w), or any other shape, to the same in the same unit.

        >>> Attraction(alpha=1.0).pull(torch.tensor([0.0, 1.0, -2.0]))
        tensor([ 0.0000,  0.5000, -0.4000])
        """
        if self.type == "exp":
            return distance * torch.exp(-self.alpha * self._power(distance))
        if self.gamma == 2:
            return distance / torch.addcmul(distance.new_ones(()), distance, distance, value=self.alpha)
        return distance / (1 + self.alpha * self._power(distance))

    def slope(self, distance: Tensor) -> Tensor:
        """Derivative of ``pull`` by the distance: (B,N,h,w), or any other shape, to the same; no unit."""
        power = self.alpha * self._power(distance)
        if self.type == "exp":
            return torch.exp(-power) * (1 - self.gamma * power)
        return (1 - (self.gamma - 1) * power) / (1 + power).square_()

    def _power(self, distance: Tensor) -> Tensor:
        return distance * distance if self.gamma == 2 else distance.abs().pow(self.gamma)


class _Context(Protocol):
    attraction: Attraction
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _SummedPull(torch.autograd.Function):
    """Adds the pulls one attractor at a time and recomputes them backwards: memory (B,N,h,w), not attractors x (B,N,h,w)."""

    @staticmethod
    def forward(ctx: _Context, points: Tensor, centers: Tensor, attraction: Attraction) -> Tensor:
        ctx.attraction = attraction
        ctx.save_for_backward(points, centers)
        total = torch.zeros_like(centers)
        for index in range(points.shape[1]):
            total += attraction.pull(points[:, index : index + 1] - centers)
        return total

    @staticmethod
    @first_order
    def backward(ctx: _Context, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (by_total,) = gradients
        points, centers = ctx.saved_tensors
        by_points, by_centers = torch.empty_like(points), torch.zeros_like(centers)
        for index in range(points.shape[1]):
            by_pull = ctx.attraction.slope(points[:, index : index + 1] - centers).mul_(by_total)
            torch.sum(by_pull, dim=1, out=by_points[:, index])
            by_centers -= by_pull
        return by_points, by_centers, None


def attracted(*, centers: Tensor, points: Tensor, attraction: Attraction) -> Tensor:
    """Centres after every point has pulled on them.

    Args:
        centers: (B,N,h,w) bin centres, metres or shares of the depth range.
        points: (B,A,h,w) attractors in the unit and dtype of the centres.
        attraction: the pull of one point, and whether pulls are summed or averaged.

    Returns:
        (B,N,h,w) in the unit of the centres, neither sorted nor clipped (ZoeDepth, Bhat et al. 2023, arXiv 2302.12288).

    Raises:
        ContractError: where a second derivative is taken; the result is differentiable once.

    >>> centers = torch.tensor([0.4, 1.0, 1.9]).reshape(1, 3, 1, 1)
    >>> points = torch.tensor([0.5, 2.0]).reshape(1, 2, 1, 1)
    >>> attracted(centers=centers, points=points, attraction=Attraction()).flatten()
    tensor([0.4271, 0.9967, 1.9226])
    """
    pull = cast("Tensor", _SummedPull.apply(points, centers, attraction))
    return centers + (pull / points.shape[1] if attraction.kind == "mean" else pull)


class AttractorLayer(nn.Module):
    """Predicts the attractors of one pyramid level from its embedding (ZoeDepth's ``AttractorLayer``, ``...Unnormed``).

    Args:
        in_channels: channels of the embedding.
        n_attractors: points per pixel.
        bounded: points as shares of the depth range, in [0, 1], instead of metres.
        released_bounds: with ``bounded``, use the raw first channel of each pair as the released ZoeDepth does, which has
            no upper end, instead of first / (first + second).
    """

    def __init__(self, in_channels: int, n_attractors: int, *, bounded: bool, released_bounds: bool) -> None:
        super().__init__()
        self.bounded, self.released_bounds = bounded, released_bounds
        last: nn.Module = nn.ReLU() if bounded else nn.Softplus()
        self._net = pixel_perceptron(in_channels, in_channels, n_attractors * (2 if bounded else 1), last)

    def forward(self, embedding: Tensor) -> Tensor:
        """(B,E,h,w) -> points (B,A,h,w), not negative, at least float32; metres, or shares of the range where bounded."""
        activation = at_least_float32(self._net(embedding))
        return self.points(activation) if self.bounded else activation

    def points(self, activation: Tensor) -> Tensor:
        """Points of the bounded layer.  (B,2A,h,w) not negative, pairs side by side -> (B,A,h,w) shares of the range."""
        first, second = (activation[:, offset::2] + MIN_ACTIVATION for offset in (0, 1))
        return first if self.released_bounds else first / (first + second)
