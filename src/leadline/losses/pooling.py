# SPDX-License-Identifier: Apache-2.0
"""Depth pairs and masks enter, checked full-precision pairs and statistics over the valid pixels of the global batch leave.

Several processes and one process must agree.  Every loss of this room therefore reaches other pixels only through sums, and
every sum passes through a ``SumAcross``.  In one process that is ``keep``; in several it is an all-reduce whose backward is
an all-reduce too.  Each rank then returns the loss L of the *global* batch.  Its backward gives W dL/dx for the pixels x of
that rank, W being the number of ranks, because the losses of all W ranks depend on x; the mean that
``DistributedDataParallel`` takes over ranks divides by W, and what is left is dL/dtheta as in one process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError

SumAcross = Callable[[Tensor], Tensor]
"""Differentiable sum over ranks of a tensor that has the same shape on each."""

Pooling = Literal["image", "batch"]
"""What weighs the same: every image with a valid pixel, or every pixel of the global batch (the released code of MiDaS)."""


def keep(sums: Tensor) -> Tensor:
    """The sum over ranks where there is one rank: any shape, e.g. (2,), returned as it is."""
    return sums


class MaskedPair(NamedTuple):
    """Prediction and target of one dtype, float32 or float64, both 1 where ``valid`` is false.

    Attributes:
        predicted, target: (B,H,W) in the unit they were given in.
        valid: (B,H,W) bool.
    """

    predicted: Tensor
    target: Tensor
    valid: Tensor


class Moments(NamedTuple):
    """Statistics of the valid pixels of all ranks, each of shape ().

    Attributes:
        pixels: how many.
        mean: in the unit of the values; 0 where there are none.
        squares: sum of squared differences from the mean, in that unit squared.
    """

    pixels: Tensor
    mean: Tensor
    squares: Tensor


def masked_pair(*, predicted: Tensor, target: Tensor, valid: Tensor) -> MaskedPair:
    """Check that the three belong together, cast to full precision, and put 1 where nothing is known.

    Args:
        predicted, target: (B,H,W) in one unit, of any dtype each; both become float64 where the prediction is, else float32.
        valid: (B,H,W) bool; elsewhere both values may be anything, NaN included, and get no gradient.

    Returns:
        Prediction, target and mask, (B,H,W) each.

    Raises:
        ContractError: shapes differ, are not (B,H,W), or the mask is not boolean.
    """
    for name, tensor in {"predicted": predicted, "target": target, "valid": valid}.items():
        if tensor.ndim != 3 or tensor.shape != predicted.shape:
            raise ContractError(
                expected="predicted, target and valid of one shape (B,H,W)",
                got=f"{name} {tuple(tensor.shape)} beside predicted {tuple(predicted.shape)}",
                remedy="squeeze the channel, and resize the prediction to the target before the loss",
            )
    if valid.dtype != torch.bool:
        raise ContractError(expected="a boolean mask", got=f"valid of {valid.dtype}", remedy="pass e.g. target > 0")
    full = torch.float64 if predicted.dtype == torch.float64 else torch.float32
    return MaskedPair(torch.where(valid, predicted.to(full), 1.0), torch.where(valid, target.to(full), 1.0), valid)


def pooled_mean(values: Tensor, weights: Tensor, sum_across: SumAcross) -> Tensor:
    """Mean of ``values`` where ``weights`` is true, over all ranks: any shape -> (), unit kept; 0 where it is true nowhere.

    >>> pooled_mean(torch.tensor([1.0, 3.0, torch.nan]), torch.tensor([True, True, False]), keep).item()
    2.0
    """
    total, count = sum_across(torch.stack([torch.where(weights, values, 0).sum(), weights.sum().to(values.dtype)])).unbind()
    return total / count.detach().clamp(min=1)


def pooled_over_images(sums: Tensor, counts: Tensor, pooling: Pooling, sum_across: SumAcross) -> Tensor:
    """Mean of what each image sums up, by image or by pixel, over all ranks.

    Args:
        sums: (B,) of any unit, 0 where an image counts nothing.
        counts: (B,) how much each image counts, e.g. its valid pixels.
        pooling: the mean over images of their own means, or the sum of the sums by that of the counts.
        sum_across: sum over ranks.

    Returns:
        (), unit kept; 0 where nothing counts.

    Raises:
        ContractError: another word for ``pooling``.

    >>> sums, counts = torch.tensor([6.0, 1.0]), torch.tensor([3, 1])
    >>> [pooled_over_images(sums, counts, one, keep).item() for one in ("image", "batch")]
    [1.5, 1.75]
    """
    check_choice("pooling", pooling, get_args(Pooling))
    if pooling == "image":
        return pooled_mean(sums / counts.clamp(min=1), counts > 0, sum_across)
    total, count = sum_across(torch.stack([sums.sum(), counts.sum().to(sums.dtype)])).unbind()
    return total / count.detach().clamp(min=1)


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of ``choices``.

    Raises:
        ContractError: naming them.
    """
    if value not in choices:
        raise ContractError(expected=f"{name} as one of {', '.join(choices)}", got=repr(value), remedy="choose one of them")


def check_share(name: str, value: float) -> None:
    """Refuse a share of pixels to leave out that is not in [0, 1).

    Raises:
        ContractError: the share is outside.
    """
    if not 0 <= value < 1:
        raise ContractError(expected=f"{name} in [0, 1)", got=f"{value}", remedy="pass e.g. 0.1 for a tenth of the pixels")


def pooled_moments(values: Tensor, valid: Tensor, sum_across: SumAcross) -> Moments:
    """Count, mean and centred squares in two passes, which keep small variances that E[x^2] - E[x]^2 would lose.

    Args:
        values: any shape, finite also where ``valid`` is false (``masked_pair`` sees to it).
        valid: bool, the same shape.
        sum_across: sum over ranks.

    Returns:
        Three numbers of shape (); mean and squares in the unit of the values and its square.

    >>> pooled_moments(torch.tensor([1.0, 3.0, 9.0]), torch.tensor([True, True, False]), keep).squares.item()
    2.0
    """
    ones = valid.to(values.dtype)
    total, count = sum_across(torch.stack([(values * ones).sum(), ones.sum()])).unbind()
    mean = total / count.clamp(min=1)
    return Moments(count, mean, sum_across(((values - mean).square() * ones).sum()))


def root(squared: Tensor) -> Tensor:
    """Square root whose gradient at 0 is 0: the limit of a perfect prediction instead of infinity.

    Any shape, e.g. (), stays, the unit becomes its root; numbers below 0 become 0, NaN stays NaN.

    >>> root(torch.tensor([-1.0, 0.0, 4.0])).tolist()
    [0.0, 0.0, 2.0]
    """
    perfect = squared <= 0  # false for NaN, which must never look like a perfect prediction
    return torch.where(perfect, 0, torch.where(perfect, 1, squared).sqrt())
