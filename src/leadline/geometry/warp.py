# SPDX-License-Identifier: Apache-2.0
"""Pictures and disparities of a rectified pair enter; the other view seen from the target, and whether it is in view, leave.

``direction`` is +1 where the target is the left view, -1 where it is the right one: target column x is seen in the other
view at ``x - direction * disparity``.  All shifts are in pixels, so a whole number of pixels moves a picture exactly.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError

Padding = Literal["border", "zeros"]
"""What lies outside of the picture: its last column, or nothing."""


def warp_by_disparity(image: Tensor, disparity_px: Tensor, *, direction: int, padding: Padding = "border") -> Tensor:
    """The other view sampled where the target's pixels are seen in it, linear along the row.

    Args:
        image: (B,C,H,W) the other view, of any unit.
        disparity_px: (B,H,W) disparity of the *target* view in pixels of this width; it gets a gradient inside the picture.
        direction: +1 for a left target, -1 for a right one.
        padding: what is seen outside.

    Returns:
        (B,C,H,W) in the image's unit and dtype.

    Raises:
        ContractError: sizes that differ, a direction other than +1 and -1, another word for the padding.

    >>> other = torch.tensor([[[[1.0, 2.0, 4.0, 8.0]]]])
    >>> warp_by_disparity(other, torch.full((1, 1, 4), 1.0), direction=1).flatten().tolist()
    [1.0, 1.0, 2.0, 4.0]
    >>> warp_by_disparity(other, torch.full((1, 1, 4), 0.5), direction=-1, padding="zeros").flatten().tolist()
    [1.5, 3.0, 6.0, 4.0]
    """
    check_warp(direction, padding)
    if image.ndim != 4 or disparity_px.shape != (image.shape[0], *image.shape[2:]):
        raise ContractError(
            expected="a picture (B,C,H,W) and disparities (B,H,W) of one size",
            got=f"{tuple(image.shape)} and {tuple(disparity_px.shape)}",
            remedy="resize the disparity first, and multiply it by the ratio of the widths",
        )
    width, columns = image.shape[3], _columns(disparity_px, direction)
    # beyond one column outside nothing is seen without padding; the clamp keeps the index among the integers
    columns = columns.clamp(0, width - 1) if padding == "border" else columns.clamp(-1, width)
    left = columns.detach().floor()
    share = (columns - left).unsqueeze(1)
    near, far = _column(image, left.long(), padding), _column(image, left.long() + 1, padding)
    return (near + share * (far - near)).to(image.dtype)


def in_view(disparity_px: Tensor, *, direction: int) -> Tensor:
    """Whether a target pixel's centre lies between the centres of the other view's first and last column.

    (B,H,W) px, +1 for a left target or -1 for a right one -> (B,H,W) bool.

    Raises:
        ContractError: a direction other than +1 and -1.

    >>> in_view(torch.full((1, 1, 4), 2.0), direction=1).flatten().tolist()
    [False, False, True, True]
    """
    check_warp(direction, "border")
    columns = _columns(disparity_px, direction)
    return (columns >= 0) & (columns <= disparity_px.shape[-1] - 1)


def check_warp(direction: int, padding: str) -> None:
    """Refuse what no warp of this room can mean.

    Raises:
        ContractError: a direction other than +1 and -1, or a padding other than "border" and "zeros".
    """
    if direction not in (-1, 1):
        raise ContractError(
            expected="direction +1 for a left target or -1 for a right one",
            got=repr(direction),
            remedy="pass which of the two views is looked for",
        )
    if padding not in get_args(Padding):
        raise ContractError(
            expected=f"padding as one of {', '.join(get_args(Padding))}", got=repr(padding), remedy="choose one of them"
        )


def _columns(disparity_px: Tensor, direction: int) -> Tensor:
    """Where the target's columns are seen, counted from the centre of the first one: (B,H,W) px -> (B,H,W) px."""
    full = torch.float64 if disparity_px.dtype == torch.float64 else torch.float32
    columns = torch.arange(disparity_px.shape[-1], device=disparity_px.device, dtype=full)
    return columns - direction * disparity_px.to(full)


def _column(image: Tensor, index: Tensor, padding: Padding) -> Tensor:
    """(B,C,H,W) at the columns (B,H,W), which may lie outside -> (B,C,H,W)."""
    width = image.shape[3]
    inside = index.clamp(0, width - 1).unsqueeze(1).expand(-1, image.shape[1], -1, -1)
    seen = image.gather(3, inside)
    return seen if padding == "border" else seen * ((index >= 0) & (index < width)).unsqueeze(1)
