# SPDX-License-Identifier: Apache-2.0
"""How many disparity levels enters, their pixels leave; probabilities over them enter, disparity leaves."""

from __future__ import annotations

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError, require

LEVELS = 49  # FAL-Net's number, which TiO-Depth kept
LEAST_PX, GREATEST_PX = 2.0, 300.0  # TiO-Depth, meant for pictures 1280 px wide


def exponential_levels(count: int = LEVELS, *, least_px: float = LEAST_PX, greatest_px: float = GREATEST_PX) -> Tensor:
    """Disparity levels of equal ratio, near ones far apart   (FAL-Net; Gonzalez & Kim 2020, eq. 1).

    Args:
        count: N, how many levels; at least 2.
        least_px, greatest_px: the first and the last one, in pixels of the network's input.

    Returns:
        (N,) float32 pixels, ``greatest * (greatest / least) ** (i / (N - 1) - 1)``.

    Raises:
        UsageError: fewer than two levels, or not 0 < least < greatest.

    >>> levels_px = exponential_levels()
    >>> [round(levels_px[i].item(), 4) for i in (0, 1, 24, 48)]
    [2.0, 2.2201, 24.4949, 300.0]
    """
    require(count >= 2, "at least two disparity levels", count, "pass e.g. 49")
    require(
        0 < least_px < greatest_px,
        "a least disparity above 0 px and below the greatest",
        (least_px, greatest_px),
        "pass e.g. 2 and 300; a ratio of levels cannot start at 0",
    )
    steps = torch.linspace(0, 1, count, dtype=torch.float64)
    return (least_px * (greatest_px / least_px) ** steps).float()


def expected_disparity(probabilities: Tensor, levels_px: Tensor) -> Tensor:
    """Mean disparity of each pixel: (B,N,H,W) probabilities that sum to 1 over N, (N,) px -> (B,H,W) px in full precision.

    Raises:
        ContractError: another number of levels than of planes.

    >>> round(expected_disparity(torch.full((1, 49, 1, 1), 1 / 49), exponential_levels()).item(), 4)
    61.3943
    """
    if probabilities.ndim != 4 or probabilities.shape[1] != levels_px.numel():
        raise ContractError(
            expected=f"probabilities (B,{levels_px.numel()},H,W), a plane for each level",
            got=f"a tensor of shape {tuple(probabilities.shape)}",
            remedy="pass the levels with which the volume was built",
        )
    full = torch.float64 if probabilities.dtype == torch.float64 else torch.float32
    with torch.autocast(probabilities.device.type, enabled=False):  # it would multiply in half precision
        return torch.einsum("bnhw,n->bhw", probabilities.to(full), levels_px.to(probabilities.device, full))
