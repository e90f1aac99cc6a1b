# SPDX-License-Identifier: Apache-2.0
"""The terms of a loss between two maps of disparity: an objective's name and two weights enter, weighted functions leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.losses.affine_invariant import affine_invariant, affine_invariant_gradient
from leadline.losses.silog import silog
from leadline.losses.sobel_gradient import sobel_gradient

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from leadline.recipes.supervised.data_config import Objective


def disparity_terms(
    objective: Objective, *, whole: float, gradient: float
) -> dict[str, tuple[float, Callable[..., Tensor]]]:
    """Name -> (weight, function of predicted, target, valid (B,H,W) and ``sum_across``, with a scalar answer).

    "affine-invariant" (Depth Anything): L_ssi and multi-scale gradient matching of the standardised maps.
    "log" (as the V2 architecture reference writes them): SILog with half the mean kept, and Sobel gradients of logarithms;
    neither is invariant to a shift.

    Args:
        objective: which pair.
        whole, gradient: weights of the first and the second of the pair.
    """
    if objective == "log":
        return {"SILog": (whole, silog), "Sobel": (gradient, sobel_gradient)}
    return {"SSI": (whole, affine_invariant), "Grad": (gradient, affine_invariant_gradient)}
