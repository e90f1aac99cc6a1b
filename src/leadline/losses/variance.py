# SPDX-License-Identifier: Apache-2.0
"""Embeddings of a global batch enter, how far the spread of each dimension is from that of a standard normal leaves.

Beside SIGReg, which is blind where it is needed most: its statistic is bounded, so its gradient fades where embeddings are
almost one point or far apart.  The gradient of this term keeps its size there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.pooling import SumAcross, keep

_LEAST_VARIANCE = 1e-8  # below, the gradient fades after all, instead of growing without bound


def variance(embeddings: Tensor, *, sum_across: SumAcross = keep) -> Tensor:
    """Mean over dimensions of (1 - standard deviation)^2, and over views where there are several.

    VICReg's variance term (Bardes et al. 2022, eq. 1) is a hinge that only asks for spread.  Here the target has one, so too
    much of it is an error as well, and the square makes the pull end where the target is reached.  Of micro-batches that are
    accumulated, each is judged by its own spread.

    Args:
        embeddings: (...,N,D) of any floating type, without unit; leading dimensions, e.g. views, are judged one by one.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        () float32, or float64 of float64 embeddings; 1 with no gradient where all samples are exactly one point, as are
        those of a batch of one.  NaN where an embedding is NaN.

    Raises:
        ContractError: fewer than two dimensions.

    >>> points = torch.tensor([[3.0], [5.0], [7.0]])
    >>> [round(variance(one).item(), 4) for one in (points, points / 2, points * 0)]
    [1.0, 0.0, 0.9998]
    """
    if embeddings.ndim < 2:
        raise ContractError(
            expected="embeddings (...,N,D): samples before dimensions", got=f"{tuple(embeddings.shape)}", remedy="stack them"
        )
    embeddings = embeddings.to(torch.float64 if embeddings.dtype == torch.float64 else torch.float32)
    totals = embeddings.sum(dim=-2)
    sums = sum_across(torch.cat([totals.flatten(), totals.new_tensor([embeddings.shape[-2]])]))
    count = sums[-1].detach()
    means = (sums[:-1] / count).view_as(totals).unsqueeze(-2)
    squares = sum_across((embeddings - means).square().sum(dim=-2))
    deviation = (squares / (count - 1).clamp(min=1) + _LEAST_VARIANCE).sqrt()
    return (1 - deviation).square().mean()
