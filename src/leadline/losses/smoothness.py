# SPDX-License-Identifier: Apache-2.0
"""A disparity map and its picture enter, how unsmooth the map is where the picture shows no edge leaves."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from leadline.losses.maps import check_same_size, full_precision

GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma of R, G, B


def second_order_smoothness(*, disparity_px: Tensor, image: Tensor, gamma: float = 2.0) -> Tensor:
    """Steps to both neighbours, weighted by the curvature of the grey picture   (TiO-Depth, released code).

    ``(|d(x) - d(x-1)| + |d(x+1) - d(x)|) * exp(-gamma |I(x-1) - 2 I(x) + I(x+1)|)`` plus the same down the column; both are
    replicated at the borders.

    Args:
        disparity_px: (B,H,W) pixels, or any other unit.
        image: (B,3,H,W) RGB in [0,1], without colour augmentation.
        gamma: how much an edge permits.

    Returns:
        (B,H,W) float32 or float64, in the disparity's unit; 0 for a constant.

    Raises:
        ContractError: sizes that differ.

    >>> import torch
    >>> ramp = torch.arange(4.0).expand(1, 3, 4)
    >>> second_order_smoothness(disparity_px=ramp, image=torch.zeros(1, 3, 3, 4))[0, 0].tolist()
    [1.0, 2.0, 2.0, 1.0]
    """
    check_same_size({"disparity_px": disparity_px, "image": image})
    disparity = full_precision(disparity_px)
    colours = full_precision(image)
    grey = (colours * colours.new_tensor(GREY)[:, None, None]).sum(dim=1)
    terms = []
    for dim in (2, 1):
        before, after = _steps(disparity, dim)
        grey_before, grey_after = _steps(grey, dim)
        terms.append((before.abs() + after.abs()) * (-gamma * (grey_after - grey_before).abs()).exp())
    return terms[0] + terms[1]


def first_order_smoothness(*, disparity: Tensor, image: Tensor, gamma: float = 1.0) -> Tensor:
    """Steps weighted by those of the picture   (Godard et al. 2017, eq. 3).

    Mean of ``|d(x+1) - d(x)| exp(-gamma * mean_c |I(x+1) - I(x)|)`` plus that down the columns.

    Args:
        disparity: (B,H,W) of any unit, H and W at least 2; monodepth2 takes ``mean_normalised``.
        image: (B,3,H,W) RGB in [0,1].
        gamma: how much an edge permits.

    Returns:
        (B,) float32 or float64, in the disparity's unit; 0 for a constant.

    Raises:
        ContractError: sizes that differ.

    >>> import torch
    >>> ramp = torch.arange(4.0).expand(1, 3, 4)
    >>> first_order_smoothness(disparity=ramp, image=torch.zeros(1, 3, 3, 4)).item()
    1.0
    """
    check_same_size({"disparity": disparity, "image": image})
    values, colours = full_precision(disparity), full_precision(image)
    return sum(
        (
            (values.diff(dim=dim).abs() * (-gamma * colours.diff(dim=dim + 1).abs().mean(dim=1)).exp()).mean(dim=(1, 2))
            for dim in (2, 1)
        ),
        start=values.new_zeros(len(values)),
    )


def mean_normalised(disparity: Tensor) -> Tensor:
    """(B,H,W) of any unit -> (B,H,W) divided by the mean of its image, plus 1e-7 as monodepth2 has it; no unit.

    Without it a smoothness term shrinks the disparity of a network that knows no scale (Wang et al. 2018, sec. 3.2).

    >>> import torch
    >>> mean_normalised(torch.tensor([[[1.0, 3.0]]])).tolist()
    [[[0.5, 1.5]]]
    """
    values = full_precision(disparity)
    return values / (values.mean(dim=(1, 2), keepdim=True) + 1e-7)


def _steps(values: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """(B,H,W) -> from the neighbour before and to the one after along ``dim``, each (B,H,W), 0 where there is none."""
    steps = values.diff(dim=dim)
    before, after = ((1, 0), (0, 1)) if dim == 2 else ((0, 0, 1, 0), (0, 0, 0, 1))
    return F.pad(steps, before), F.pad(steps, after)
