# SPDX-License-Identifier: Apache-2.0
"""Patch vectors of several crops of the same pictures enter, how far they differ where crops show the same place leaves."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional

from leadline.contracts.errors import ContractError
from leadline.losses.pooling import SumAcross, keep


def dense_invariance(
    tokens_VBDhw: Tensor, to_source_VB22: Tensor, *, size: tuple[int, int], sum_across: SumAcross = keep
) -> Tensor:
    """Mean squared difference of two views' vectors at the same places of the picture, over dimensions.

    For every pair of views each patch centre of the one is looked up, bilinearly, among the patches of the other; what the
    other does not show does not count.  Each pair of a picture weighs the same, and one without a common place costs 0.
    There is no stop-gradient and nothing that keeps vectors apart: that is left to what else is learned.

    Args:
        tokens_VBDhw: (V,B,D,h,w) without unit, of V views of one size of B pictures.
        to_source_VB22: (V,B,2,2) as in ``leadline.contracts.sample.ViewStack``.
        size: (height, width) of a view in pixels, in which ``to_source_VB22`` is stated.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, no unit; 0 for a single view.

    Raises:
        ContractError: places of another number of views or pictures.

    >>> places = torch.tensor([[1.0, 0.0], [1.0, 0.0]]).expand(2, 1, 2, 2)
    >>> tokens = torch.stack([torch.zeros(1, 4, 2, 2), torch.full((1, 4, 2, 2), 3.0)])
    >>> dense_invariance(tokens, places, size=(8, 8)).item()
    9.0
    """
    V, B = tokens_VBDhw.shape[:2]
    if tuple(to_source_VB22.shape) != (V, B, 2, 2):
        raise ContractError(
            expected=f"a place for each of {V} views of {B} pictures",
            got=f"places of shape {tuple(to_source_VB22.shape)}",
            remedy="pass the stack's to_source",
        )
    full = torch.float64 if tokens_VBDhw.dtype == torch.float64 else torch.float32
    tokens_VBDhw, to_source_VB22 = tokens_VBDhw.to(full), to_source_VB22.to(full)
    pairs = list(combinations(range(V), 2))
    costs = [_pair(tokens_VBDhw[[a, b]], to_source_VB22[[a, b]], size) for a, b in pairs]
    own = torch.stack(costs).sum() if costs else tokens_VBDhw.sum() * 0
    total, count = sum_across(torch.stack([own, own.new_tensor(float(len(pairs) * B))])).unbind()
    return total / count.detach().clamp(min=1)


def _pair(tokens_2BDhw: Tensor, to_source_2B22: Tensor, size: tuple[int, int]) -> Tensor:
    """(B,) of two views."""
    B, _, h, w = tokens_2BDhw.shape[1:]
    rows_Bh, columns_Bw = (
        _seen_by_other(to_source_2B22[:, :, axis], length, patches)
        for axis, (length, patches) in enumerate(zip(size, (h, w), strict=True))
    )
    grid_Bhw2 = torch.stack([columns_Bw[:, None].expand(B, h, w), rows_Bh[:, :, None].expand(B, h, w)], dim=-1)
    looked_up_BDhw = functional.grid_sample(tokens_2BDhw[1], grid_Bhw2, padding_mode="border", align_corners=False)
    common_Bhw = (grid_Bhw2.abs() <= 1).all(dim=-1)
    cost_Bhw = (tokens_2BDhw[0] - looked_up_BDhw).square().mean(dim=1)
    return torch.where(common_Bhw, cost_Bhw, 0).sum(dim=(1, 2)) / common_Bhw.sum(dim=(1, 2)).clamp(min=1)


def _seen_by_other(scale_and_offset_2B2: Tensor, length: int, patches: int) -> Tensor:
    """Where the first view's patch centres lie along one axis of the second, (B,patches), -1 and 1 being its ends."""
    steps = torch.arange(patches, device=scale_and_offset_2B2.device, dtype=scale_and_offset_2B2.dtype)
    scale_2B1, offset_2B1 = scale_and_offset_2B2[..., None].unbind(2)
    source = scale_2B1[0] * ((steps + 0.5) * length / patches) + offset_2B1[0]
    return 2 * (source - offset_2B1[1]) / (scale_2B1[1] * length) - 1
