# SPDX-License-Identifier: Apache-2.0
"""Disparities and pairs of pixels of which the nearer is known enter, how badly their order is kept leaves."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import OrdinalPairs
from leadline.losses.pooling import SumAcross, keep, pooled_mean


def ordinal_ranking(*, predicted_disparity: Tensor, pairs: OrdinalPairs, sum_across: SumAcross = keep) -> Tensor:
    """Mean of ``log(1 + exp(farther - nearer))`` over the known pairs   (Chen et al. 2016, "Depth in the Wild", eq. 1).

    Args:
        predicted_disparity: (B,H,W), larger is nearer, any unit; pass the logarithm of disparity, or minus that of depth, to
            rank ratios.
        pairs: (B,P,2) pixels each and (B,P) bool; what is not valid is not read.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, without unit; ln 2 for a level pair, towards 0 the farther apart in the right order, and
        0 with zero gradient where there is no pair.  A common shift of an image changes nothing.

    Raises:
        ContractError: the map is not (B,H,W), or the pairs are not (B,P,2) for its B images.

    >>> pair = torch.tensor([[[0, 0]]]), torch.tensor([[[0, 1]]])
    >>> pairs = OrdinalPairs(nearer_rc=pair[0], farther_rc=pair[1], valid=torch.tensor([[True]]))
    >>> round(ordinal_ranking(predicted_disparity=torch.tensor([[[3.0, 3.0]]]), pairs=pairs).item(), 6)
    0.693147
    """
    shapes = [tuple(one.shape) for one in (predicted_disparity, pairs.nearer_rc, pairs.farther_rc, pairs.valid)]
    images, count = (*shapes[3], 0, 0)[:2]
    if len(shapes[0]) != 3 or shapes[1:] != [(shapes[0][0], count, 2)] * 2 + [(images, count)] or images != shapes[0][0]:
        raise ContractError(
            expected="a map (B,H,W) with pairs (B,P,2), (B,P,2) and (B,P)",
            got=", ".join(str(shape) for shape in shapes),
            remedy="batch the pairs with their pictures",
        )
    full = torch.float64 if predicted_disparity.dtype == torch.float64 else torch.float32
    nearer, farther = (_at(predicted_disparity, pixels, pairs.valid) for pixels in (pairs.nearer_rc, pairs.farther_rc))
    difference = torch.where(pairs.valid, farther.to(full) - nearer.to(full), 0)
    return pooled_mean(F.softplus(difference), pairs.valid, sum_across)


def _at(values: Tensor, pixels_rc: Tensor, valid: Tensor) -> Tensor:
    """(B,H,W) at (B,P,2) -> (B,P); padding reads pixel (0, 0), whose value is then dropped."""
    row, column = torch.where(valid[..., None], pixels_rc, 0).unbind(dim=-1)
    image = torch.arange(len(values), device=values.device)[:, None]
    return values[image, row, column]
