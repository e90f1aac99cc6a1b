# SPDX-License-Identifier: Apache-2.0
"""Two feature maps and shifts enter; their match at each shift leaves, by moving the other map once for every shift.

This is how TiO-Depth states feature matching, and the peer of ``models.stereo.correlation`` in benchmarks and tests.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def shifting_correlation(*, target: Tensor, other: Tensor, shifts_px: tuple[float, ...], direction: int) -> Tensor:
    """As ``row_correlation``, one shift after the other: (B,C,H,W) twice -> (B,N,H,W).

    One copy of ``other`` is alive at a time; autograd keeps all of them.
    """
    B, C, H, W = target.shape
    rows = (2 * torch.arange(H, device=target.device, dtype=target.dtype) + 1) / H - 1
    columns = torch.arange(W, device=target.device, dtype=target.dtype) + 0.5
    costs = []
    for shift_px in shifts_px:
        x = 2 * (columns - direction * shift_px) / W - 1
        grid = torch.stack((x.expand(H, W), rows[:, None].expand(H, W)), dim=-1).expand(B, -1, -1, -1)
        moved = F.grid_sample(other, grid, padding_mode="border", align_corners=False)
        costs.append((target * moved).sum(dim=1) / math.sqrt(C))
    return torch.stack(costs, dim=1)
