# SPDX-License-Identifier: Apache-2.0
"""The disparity of a first look enters; how much a second, mirrored look counts at each pixel leaves."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

PostProcessing = Literal["none", "flip", "blend", "multiscale"]

SECOND_SIZE: dict[PostProcessing, float] = {"flip": 1.0, "blend": 1.0, "multiscale": 2 / 3}
"""Size of the second, mirrored look beside the first (TiO-Depth, ``-fpp``, ``-gpp`` and ``-mspp``)."""

# monodepth (Godard et al. 2017, sec. 4): a side's outer twentieth is one look's alone; after another twentieth it is both's.
_ALONE, _STEEPNESS = 0.05, 20.0
_NEAR_QUANTILE = 0.95


def share_of_second(choice: PostProcessing, first_px: Tensor) -> Tensor:
    """How much of the mirrored look, mirrored back, goes into the result; the rest comes from the first look.

    - ``flip``: half, everywhere.
    - ``blend``: all at the left edge, none at the right one, half between.  A network that learnt from pairs knows least
      where the other camera saw nothing: at the left edge of left pictures, which in the mirror is the right one.
    - ``multiscale``: all where it is near, ever less the farther away; "near" is the 95th percentile of disparity.  The look
      at two thirds of the size sees large near things as a whole, the one at full size sees what is small and far.

    Args:
        choice: not "none".
        first_px: (B, H, W) disparity of the first look; only ``multiscale`` reads its values.

    Returns:
        (B, H, W) in [0, 1].

    >>> share_of_second("blend", torch.ones(1, 1, 41))[0, 0, [0, 1, 2, 3, 20, 38, 40]].tolist()
    [1.0, 1.0, 1.0, 0.75, 0.5, 0.0, 0.0]
    """
    if choice == "blend":
        place_W = torch.linspace(0.0, 1.0, first_px.shape[-1], device=first_px.device, dtype=first_px.dtype)
        left_W = 1.0 - (_STEEPNESS * (place_W - _ALONE)).clamp(0.0, 1.0)
        return (0.5 * (1.0 + left_W - left_W.flip(0))).expand_as(first_px)
    if choice == "multiscale":
        near_px = torch.quantile(first_px.flatten(1), _NEAR_QUANTILE, dim=1)
        return (first_px / near_px[:, None, None]).clamp(0.0, 1.0)
    return torch.full_like(first_px, 0.5)
