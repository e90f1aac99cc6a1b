# SPDX-License-Identifier: Apache-2.0
"""Two maps enter, how much their Sobel gradients differ leaves."""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from leadline.losses.pooling import SumAcross, check_choice, keep, masked_pair, pooled_over_images
from leadline.losses.silog import SMALLEST_VALUE, log_difference

SobelSpace = Literal["raw", "log"]


def sobel_gradient(
    *, predicted: Tensor, target: Tensor, valid: Tensor, space: SobelSpace = "log", sum_across: SumAcross = keep
) -> Tensor:
    """Mean of ``|Sx p - Sx d| + |Sy p - Sy d|`` with 3x3 Sobel filters.

    As the Depth Anything V2 architecture reference writes it: of the values in its first version, of their logarithms later.
    The filters answer 8 per unit of slope.  Borders are replicated, so a constant has no gradient anywhere.

    Args:
        predicted, target: (B,H,W) of one claim and unit; in "log" both are lifted to ``losses.silog.SMALLEST_VALUE``.
        valid: (B,H,W) bool; a pixel counts if all of its neighbours inside the picture are valid, in "log" also larger than
            ``losses.silog.SMALLEST_VALUE`` in the target.
        space: "raw" grows with the scale of the maps and ignores a common shift, "log" ignores the scale of either map.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, mean over the pixels of each picture that count, then over the pictures of the global batch
        that have one: 8 times the unit per pixel in "raw", without unit in "log"; 0 with zero gradient where none counts.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``; another word for ``space``.

    >>> import torch
    >>> ramp = torch.arange(1.0, 6.0).expand(1, 5, 5)
    >>> sobel_gradient(predicted=2 * ramp, target=2 * ramp, valid=ramp > 0, space="raw").item()
    0.0
    >>> round(sobel_gradient(predicted=3 * ramp, target=ramp, valid=ramp > 0).item(), 6)
    0.0
    """
    check_choice("space", space, get_args(SobelSpace))
    pair = masked_pair(predicted=predicted, target=target, valid=valid)
    if space == "raw":
        difference, known = pair.predicted - pair.target, valid
    else:
        difference = log_difference(predicted=pair.predicted, target=pair.target)
        known = valid & (pair.target > SMALLEST_VALUE)
    across, down = sobel(difference)
    counted = _surrounded(known)
    sums = torch.where(counted, across.abs() + down.abs(), 0).sum(dim=(1, 2))
    return pooled_over_images(sums, counted.sum(dim=(1, 2)), "image", sum_across)


def sobel(values: Tensor) -> tuple[Tensor, Tensor]:
    """3x3 Sobel answers to the right and downwards, borders replicated: (B,H,W) -> (B,H,W) each, 8 times the unit per pixel.

    >>> import torch
    >>> across, down = sobel(torch.arange(4.0).expand(1, 4, 4))
    >>> across[0, 1].tolist(), down.abs().max().item()
    ([4.0, 8.0, 8.0, 4.0], 0.0)
    """
    padded = F.pad(values, (1, 1, 1, 1), mode="replicate")
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    columns = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    return rows[:, :, 2:] - rows[:, :, :-2], columns[:, 2:] - columns[:, :-2]


def _surrounded(known: Tensor) -> Tensor:
    """Whether a pixel and all its neighbours inside the picture are known: (B,H,W) bool -> the same."""
    return F.max_pool2d((~known).float(), kernel_size=3, stride=1, padding=1) == 0
