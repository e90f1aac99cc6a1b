# SPDX-License-Identifier: Apache-2.0
"""A student's patch features and a frozen network's enter, how far they point apart beyond a tolerance leaves."""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.pooling import SumAcross, check_choice, keep, pooled_mean

AlignmentMean = Literal["kept", "all"]
"""Tokens that the sum is divided by: those within reach of the margin, or all."""


def feature_alignment(
    *,
    student: Tensor,
    frozen: Tensor,
    margin: float = 0.85,
    mean_over: AlignmentMean = "kept",
    sum_across: SumAcross = keep,
) -> Tensor:
    """Mean of ``1 - cos`` over the tokens whose cosine is at most ``margin``   (Depth Anything L_feat, arXiv 2401.10891).

    Tokens that already agree better are left out one by one: the student need not copy features that tell parts of one
    object alike.  The paper does not say what the sum is divided by then, hence ``mean_over``.

    Args:
        student: (B,N,C) patch features of the network that learns, projected by the caller where C differs.
        frozen: (B,N,C) features of the frozen network; they get no gradient.
        margin: largest cosine that is still pulled at, the paper's alpha; 1 pulls at every token.
        mean_over: "kept" divides by the tokens that are pulled at, "all" by all of them.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, between 0 and 2; exactly 0 with zero gradient where no token is kept.  Factors of either
        side's features change nothing.

    Raises:
        ContractError: the shapes differ or are not (B,N,C); another word for ``mean_over``.

    >>> frozen = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    >>> feature_alignment(student=torch.tensor([[[2.0, 0.0], [0.0, 1.0]]]), frozen=frozen).item()
    1.0
    """
    check_choice("mean_over", mean_over, get_args(AlignmentMean))
    if student.ndim != 3 or student.shape != frozen.shape:
        raise ContractError(
            expected="student and frozen features of one shape (B,N,C)",
            got=f"student {tuple(student.shape)} beside frozen {tuple(frozen.shape)}",
            remedy="give both the same picture size, and project the student's channels where they differ",
        )
    full = torch.float64 if student.dtype == torch.float64 else torch.float32
    cosine = F.cosine_similarity(student.to(full), frozen.detach().to(full), dim=-1)
    kept = cosine.detach().clamp(max=1) <= margin  # rounding lifts the cosine of equal features above 1
    if mean_over == "kept":
        return pooled_mean(1 - cosine, kept, sum_across)
    return pooled_mean(torch.where(kept, 1 - cosine, 0), torch.ones_like(kept), sum_across)
