# SPDX-License-Identifier: Apache-2.0
"""Maps with a mask enter, what their order says of each image leaves: its median, and which of its pixels are the smallest.

Images of one batch have different numbers of valid pixels, so the wanted place in the order differs too.  A selection that
knows one place for all rows serves them at once, if the invalid pixels of each row are made infinitely small or large in the
right proportion: that moves the wanted value of every row to the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

_MILLION = 1_000_000  # shares are rounded to millionths, so that 90 % of 100 pixels are 90 and not 89.999...


def lower_median(values: Tensor, valid: Tensor) -> Tensor:
    """Median of the valid pixels of each image, the lower of the two middle values where their number is even.

    Args:
        values: (B,H,W), any unit.
        valid: (B,H,W) bool; nothing else is read.

    Returns:
        (B,), unit kept; 0 where an image has no valid pixel.  The gradient goes to one pixel that has the median.

    >>> lower_median(torch.tensor([[[5.0, 6.0, 7.0, 8.0, 0.0]]]), torch.tensor([[[True, True, True, True, False]]])).item()
    6.0
    """
    return lower_medians([values], valid)[0]


def lower_medians(maps: Sequence[Tensor], valid: Tensor) -> list[Tensor]:
    """``lower_median`` of several maps (B,H,W) that share one mask: (B,) each, in the unit of each.

    >>> lower_medians([torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[4.0, 3.0]]])], torch.ones(1, 1, 2) > 0)
    [tensor([1.]), tensor([3.])]
    """
    valid_BN = valid.flatten(1)
    known = valid_BN.sum(dim=1) > 0
    padding = _Padding.of(valid_BN, lambda pixels: torch.div(pixels + 1, 2, rounding_mode="floor"))
    medians = []
    for values in maps:
        values_BN = values.flatten(1)
        median = _selected(values_BN, padding)
        where = ((values_BN == median[:, None]) & valid_BN).to(torch.uint8).argmax(dim=1, keepdim=True)
        medians.append(torch.where(known, values_BN.gather(1, where)[:, 0], 0))
    return medians


def smallest_weights(values: Tensor, valid: Tensor, *, ignore_largest: float) -> tuple[Tensor, Tensor]:
    """Weights that keep the smallest values of each image and leave out the rest, by rank.

    Of M valid pixels floor((1 - ignore_largest) M) are kept, at least one.  Where several have the last value that is kept,
    they share the places that are left: of an image whose values are all equal each counts 1 - ignore_largest.

    Args:
        values: (B,H,W), any unit; no gradient flows through the choice.
        valid: (B,H,W) bool; nothing else is read.
        ignore_largest: share of the valid pixels of each image in [0, 1), to a millionth.

    Returns:
        (B,H,W) weights in [0, 1] of the values' dtype, 0 where not valid, and (B,) int64, their sum: how many were kept.

    >>> values = torch.tensor([[[3.0, 1.0, 2.0, 3.0]]])
    >>> weights, kept = smallest_weights(values, values > 0, ignore_largest=0.25)
    >>> weights.flatten().tolist(), kept.tolist()
    ([0.5, 1.0, 1.0, 0.5], [3])
    """
    pixels = valid.sum(dim=(1, 2))
    if ignore_largest == 0:
        return valid.to(values.dtype), pixels
    kept_millionths = _MILLION - round(ignore_largest * _MILLION)

    def kept(count: Tensor) -> Tensor:
        return torch.div(count * kept_millionths, _MILLION, rounding_mode="floor").clamp(min=1)

    values = values.detach()
    last = _selected(values.flatten(1), _Padding.of(valid.flatten(1), kept))[:, None, None]
    below, level = (values < last) & valid, (values == last) & valid
    places = kept(pixels) - below.sum(dim=(1, 2))
    share = places / level.sum(dim=(1, 2)).clamp(min=1)
    weights = below.to(values.dtype) + level * share.to(values.dtype)[:, None, None]
    return weights, torch.where(pixels > 0, kept(pixels), 0)


class _Padding(NamedTuple):
    """What makes the invalid pixels of each row so small or large that one place serves all rows.

    Attributes:
        valid: (B,N) bool.
        infinite: (B,N) float32, minus or plus infinity.
        place: counted from 1.
    """

    valid: Tensor
    infinite: Tensor
    place: int

    @staticmethod
    def of(valid_BN: Tensor, nth: Callable[[Tensor], Tensor]) -> _Padding:
        """For the nth(M)-th smallest of each row's M valid values.

        ``nth`` grows by 0 or 1 with each pixel more, so there are always enough invalid ones to shift it by.
        """
        place = int(nth(torch.tensor(valid_BN.shape[1])))
        shift = place - nth(valid_BN.sum(dim=1))
        holes = (~valid_BN).cumsum(dim=1, dtype=torch.int32)
        return _Padding(valid_BN, torch.where(holes <= shift[:, None], -torch.inf, torch.inf), place)


def _selected(values_BN: Tensor, padding: _Padding) -> Tensor:
    """The wanted value of each row, (B,), without gradient."""
    padded = torch.where(padding.valid, values_BN.detach(), padding.infinite)
    last = padding.place - 1
    if padded.device.type == "cpu":  # numpy selects about eight times as fast as torch does
        return torch.from_numpy(np.partition(padded.numpy(), last, axis=1)[:, last])
    return padded.kthvalue(padding.place, dim=1).values
