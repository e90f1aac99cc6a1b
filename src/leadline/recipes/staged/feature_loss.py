# SPDX-License-Identifier: Apache-2.0
"""Two networks' tokens of the same pictures enter; how unlike they are, by the measure asked for, leaves."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

import torch

from leadline.losses.feature_alignment import feature_alignment
from leadline.losses.pooling import SumAcross, keep
from leadline.losses.similarity import MOST_FEATURES, TOKENS_PER_FEATURE, cca, cka, orthogonal_projection

if TYPE_CHECKING:
    from torch import Tensor

FeatureLoss = Literal["cosine", "cosine-margin", "cca", "cka"]
_NO_MARGIN = 1.0  # no token is more alike than this
_SEED = 0


def compare_features(
    student: Tensor, frozen: Tensor, *, kind: FeatureLoss, margin: float, sum_across: SumAcross = keep
) -> Tensor:
    """How far (B,C,h,w) tokens of a student are from a frozen network's: (), without unit, 0 where they agree.

    Canonical correlations are those of all tokens of the batch, each side seen through a fixed random orthogonal projection
    narrow enough for the number of tokens.

    Args:
        student, frozen: (B,C,h,w) each, C may differ for "cca" and "cka".
        kind: the measure.
        margin: for "cosine-margin", tokens more alike than this do not count.
        sum_across: sum over ranks, see ``losses.pooling``.

    Raises:
        ContractError: too few tokens for canonical correlations.
    """
    ours, theirs = (one.flatten(2).transpose(1, 2).float() for one in (student, frozen))
    if kind == "cka":
        return cka(first=ours, second=theirs, sum_across=sum_across)
    if kind == "cca":
        width = max(1, min(MOST_FEATURES, ours.shape[0] * ours.shape[1] // TOKENS_PER_FEATURE))
        narrowed = [one @ _projection(one.shape[-1], width).to(one.device) for one in (ours, theirs)]
        return cca(first=narrowed[0], second=narrowed[1], sum_across=sum_across)
    allowed = margin if kind == "cosine-margin" else _NO_MARGIN
    return feature_alignment(student=ours, frozen=theirs, margin=allowed, sum_across=sum_across)


@cache
def _projection(features: int, width: int) -> Tensor:
    return orthogonal_projection(features, width=width, generator=torch.Generator().manual_seed(_SEED))
