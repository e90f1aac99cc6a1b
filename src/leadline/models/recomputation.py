# SPDX-License-Identifier: Apache-2.0
"""A block of an encoder and its inputs enter; its output leaves, whose inner values are computed again on the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from torch import Tensor, nn


def recomputed(block: nn.Module, tokens_BND: Tensor, *grid: int) -> Tensor:
    """``block(tokens, *grid)``, of which only the input is kept for the gradient (Chen et al. 2016, arXiv 1604.06174).

    (B,N,D) and the sides of the patch grid, where the block asks for them -> (B,N,D), no unit.  Random draws are repeated.
    """
    output: Tensor = checkpoint(block, tokens_BND, *grid, use_reentrant=False)
    return output
