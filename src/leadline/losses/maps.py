# SPDX-License-Identifier: Apache-2.0
"""Maps of a loss and masks enter, their means in one of two conventions leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.pooling import SumAcross, check_choice, keep, pooled_mean

Over = Literal["all", "valid"]
"""What a masked sum is divided by: every pixel, so a mask weakens the term (TiO-Depth), or those it lets through."""


def full_precision(values: Tensor) -> Tensor:
    """Any shape and unit, as float64 where it is that, else as float32."""
    return values if values.dtype == torch.float64 else values.float()


def check_same_size(maps: Mapping[str, Tensor]) -> None:
    """Refuse maps (B,H,W) and pictures (B,C,H,W), by name, whose batch or size differ.

    Raises:
        ContractError: naming the two.
    """
    (first_name, first), *others = maps.items()
    for name, one in others:
        if (one.shape[0], *one.shape[-2:]) != (first.shape[0], *first.shape[-2:]) or one.ndim not in (3, 4):
            raise ContractError(
                expected=f"{first_name} and {name} of one batch and size",
                got=f"{tuple(first.shape)} and {tuple(one.shape)}",
                remedy="resize one to the other before the loss",
            )


def masked_mean(values: Tensor, mask: Tensor, *, over: Over = "all", sum_across: SumAcross = keep) -> Tensor:
    """Mean of a loss map where a mask lets it through, over all ranks.

    Args:
        values: (B,H,W) of any unit; may be anything outside of the mask, NaN included, and gets no gradient there.
        mask: (B,H,W) bool.
        over: divide by the number of all pixels, or of those inside the mask.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), in the unit of the values; 0 with zero gradient where the mask is false everywhere.

    Raises:
        ContractError: another shape or type of the mask; another word for ``over``.

    >>> values, mask = torch.tensor([[[2.0, 4.0, torch.nan]]]), torch.tensor([[[True, True, False]]])
    >>> [masked_mean(values, mask, over=over).item() for over in ("all", "valid")]
    [2.0, 3.0]
    """
    check_choice("over", over, get_args(Over))
    if mask.shape != values.shape or mask.dtype != torch.bool:
        raise ContractError(
            expected=f"a boolean mask of shape {tuple(values.shape)}",
            got=f"{mask.dtype} of shape {tuple(mask.shape)}",
            remedy="compare a soft mask with its threshold first",
        )
    kept = torch.where(mask, full_precision(values), 0)
    return pooled_mean(kept, torch.ones_like(mask) if over == "all" else mask, sum_across)
