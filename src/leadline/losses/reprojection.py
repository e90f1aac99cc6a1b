# SPDX-License-Identifier: Apache-2.0
"""What several pictures, moved into one view, differ from it enters; per pixel the least of it leaves.

A surface hidden in one picture is often seen in another, so the least difference judges a depth fairer than the mean does.
A pixel whose least difference is that of a picture which was not moved at all tells nothing of depth (the camera stood
still, or the thing moves along with it), and gets no gradient (Godard et al. 2019, arXiv 1806.01260, section 3).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.photometric import photometric_difference

TIE_BREAK = 1e-5
"""Spread of the noise on standing differences: where both are equal, as on a plain wall, a coin is tossed."""


class LeastDifference(NamedTuple):
    """Per pixel the least of several differences.

    Attributes:
        difference: (B,H,W), no unit.
        informs: (B,H,W) bool, true where it is that of a moved picture, so that it says something of depth.
    """

    difference: Tensor
    informs: Tensor


def source_differences(*, images: Tensor, target: Tensor, ssim_weight: float = 0.85) -> Tensor:
    """Photometric difference of each of S pictures from the target.

    Args:
        images: (B,S,3,H,W) RGB in [0, 1].
        target: (B,3,H,W), the same.
        ssim_weight: share of structural similarity beside absolute differences.

    Returns:
        (B,S,H,W) float32, no unit.
    """
    B, S = images.shape[:2]
    repeated = target[:, None].expand(B, S, *target.shape[1:])
    flat = photometric_difference(image=images.flatten(0, 1), target=repeated.flatten(0, 1), ssim_weight=ssim_weight)
    return flat.view(B, S, *flat.shape[1:])


def with_tie_break(standing: Tensor) -> Tensor:
    """Differences (B,S,H,W) of standing pictures plus a little noise of torch's global generator; shape and unit stay."""
    return standing + TIE_BREAK * torch.randn_like(standing)


def least_difference(moved: Tensor, *, standing: Tensor | None = None) -> LeastDifference:
    """The least of all differences of a pixel, and whether it is that of a moved picture.

    Args:
        moved: (B,S,H,W) differences of pictures that depth and motion brought into the target's view.
        standing: (B,T,H,W) those of pictures as they were taken, see ``with_tie_break``; None counts every pixel.

    Returns:
        The least, of which only moved pictures get a gradient.

    Raises:
        ContractError: no picture, or maps of different sizes.

    >>> least = least_difference(torch.tensor([0.3, 0.1]).view(1, 2, 1, 1), standing=torch.tensor([0.2]).view(1, 1, 1, 1))
    >>> round(least.difference.item(), 3), least.informs.item()
    (0.1, True)
    """
    if moved.ndim != 4 or moved.shape[1] == 0:
        raise ContractError(
            expected="differences (B,S,H,W) of at least one moved picture",
            got=f"shape {tuple(moved.shape)}",
            remedy="give neighbours, or a second view",
        )
    least = moved.amin(dim=1) if moved.shape[1] > 1 else moved[:, 0]
    if standing is None:
        return LeastDifference(least, torch.ones_like(least, dtype=torch.bool))
    if standing.shape[-2:] != moved.shape[-2:] or len(standing) != len(moved):
        raise ContractError(
            expected=f"standing differences of the same batch and size, {tuple(moved.shape)}",
            got=f"shape {tuple(standing.shape)}",
            remedy="compute both at the size of the target",
        )
    still = standing.amin(dim=1)
    informs = least < still
    return LeastDifference(torch.where(informs, least, still.detach()), informs)
