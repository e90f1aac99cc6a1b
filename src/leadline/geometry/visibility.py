# SPDX-License-Identifier: Apache-2.0
"""A disparity or depth map enters; what the other view does not see, and how far stereo is to be trusted, leave."""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from leadline.contracts.errors import ContractError

Side = Literal["left", "right"]
"""On which side of near things pixels are hidden: left of them in the left view of a pair, right in the right one."""

REACH_PX = 61  # of EdgeOfDepth's search; the nearest steps are left out, or every slope would hide itself
_FIRST_PX = 3
VISIBLE = 0.8  # TiO-Depth's threshold of the soft mask
FLAT = 0.13  # TiO-Depth: at this Laplacian, as a share of the mean depth, stereo loses all its weight


@torch.no_grad()
def occlusion_mask(disparity_px: Tensor, side: Side, *, reach_px: int = REACH_PX) -> Tensor:
    """Which pixels of a view the other view sees, from the view's own disparity   (EdgeOfDepth, Zhu et al. 2020, sec. 3.3).

    A pixel is hidden where something nearer, k columns on, is seen in the same column of the other view:
    ``min_k |d(x) - d(x + k) + k|`` for k from 3 to ``reach_px``, clamped to [0, 1].  ``d`` is the mean of three rows, and of
    the columns x and x + 1 at x.

    Args:
        disparity_px: (B,H,W) pixels of this width.
        side: where hidden pixels are looked for.
        reach_px: the greatest difference of disparity that can hide something.

    Returns:
        (B,H,W) float32 without gradient: about 0 where hidden, 1 where seen.

    Raises:
        ContractError: another side, a reach below 3 px.

    >>> step = torch.full((1, 1, 40), 5.0)
    >>> step[..., 28:38] = 15.0
    >>> (occlusion_mask(step, "left") < 0.5).squeeze().nonzero().flatten().tolist()
    [18, 19, 20, 21, 22, 23, 24, 25, 26, 27]
    """
    if side not in get_args(Side) or reach_px < _FIRST_PX:
        raise ContractError(
            expected=f"side left or right and a reach of at least {_FIRST_PX} px",
            got=f"side {side!r} and reach_px {reach_px}",
            remedy="pass left for what the right view does not see",
        )
    rows = F.avg_pool2d(F.pad(disparity_px.float().unsqueeze(1), (0, 0, 1, 1), mode="replicate"), (3, 1), stride=1).squeeze(
        1
    )
    if side == "right":
        rows = rows.flip(-1)
    width = rows.shape[-1]
    here = (rows + F.pad(rows[..., 1:], (0, 1))) / 2
    least = torch.ones_like(rows)
    for k in range(_FIRST_PX, min(reach_px, width - 1) + 1):
        covered = least[..., : width - k]
        torch.minimum(covered, (here[..., : width - k] - rows[..., k:] + k).abs(), out=covered)
    return least.flip(-1) if side == "right" else least


@torch.no_grad()
def visible(disparity_px: Tensor, side: Side, *, reach_px: int = REACH_PX) -> Tensor:
    """``occlusion_mask`` at half resolution, which doubles its reach, brought back and compared with 0.8   (TiO-Depth).

    (B,H,W) pixels of this width, H and W at least 2 -> (B,H,W) bool, true where the other view sees the pixel.

    Raises:
        ContractError: see ``occlusion_mask``.
    """
    size = disparity_px.shape[-2:]
    halved = F.interpolate(
        disparity_px.float().unsqueeze(1), (size[0] // 2, size[1] // 2), mode="bilinear", align_corners=False
    )
    mask = occlusion_mask(halved.squeeze(1) / 2, side, reach_px=reach_px)
    return F.interpolate(mask.unsqueeze(1), size, mode="bilinear", align_corners=False).squeeze(1) > VISIBLE


def edge_weight(depth_m: Tensor, *, parity: bool = False) -> Tensor:
    """1 where depth is even, 0 at its edges   (TiO-Depth, stage 3).

    The greatest answer of the 3x3 Laplacian (8 and -1) to depth by its mean, within 3x3 pixels, takes weight away in
    proportion until it reaches ``FLAT``.

    Args:
        depth_m: (B,H,W) metres, or in any other unit.
        parity: let the Laplacian see 0 outside of the picture, as TiO-Depth does, so every border is an edge; else borders
            are replicated.

    Returns:
        (B,H,W) float32 in [0, 1], without gradient.

    >>> edge_weight(torch.full((1, 3, 4), 7.0)).unique().tolist()
    [1.0]
    """
    answer = depth_edges(depth_m, parity=parity)
    return 1 - answer.clamp(0, FLAT) / FLAT


@torch.no_grad()
def depth_edges(depth_m: Tensor, *, parity: bool = False) -> Tensor:
    """The answer that ``edge_weight`` is made of: (B,H,W) of any unit -> (B,H,W) float32, 0 where even."""
    relative = (depth_m.float() / depth_m.float().mean(dim=(1, 2), keepdim=True)).unsqueeze(1)
    wide = F.pad(relative, (1, 1, 1, 1), mode="constant" if parity else "replicate")
    answer = (9 * relative - 9 * F.avg_pool2d(wide, 3, stride=1)).abs()
    return F.max_pool2d(answer, 3, stride=1, padding=1).squeeze(1)


def fusion_weight(stereo_disparity_px: Tensor, *, direction: int, parity: bool = False) -> Tensor:
    """How much of the stereo volume goes into the fused one   (TiO-Depth, stage 3).

    ``edge_weight`` of the stereo depth, and 1 on that side of near things which is no half-occlusion: there stereo is right
    although depth has an edge.

    Args:
        stereo_disparity_px: (B,H,W) pixels of the target view, above 0.
        direction: +1 for a left target, -1 for a right one.
        parity: see ``edge_weight``.

    Returns:
        (B,H,W) float32 in [0, 1], without gradient.
    """
    weight = edge_weight(1 / stereo_disparity_px.float(), parity=parity)  # the scale of depth cancels
    opposite: Side = "right" if direction > 0 else "left"
    return torch.where(visible(stereo_disparity_px, opposite), weight, 1.0)
