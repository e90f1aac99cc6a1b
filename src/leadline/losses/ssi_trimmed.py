# SPDX-License-Identifier: Apache-2.0
"""Maps known up to scale and shift enter, how far the better part of their pixels differs leaves."""

from __future__ import annotations

from torch import Tensor

from leadline.losses.affine_invariant import standardised_maps
from leadline.losses.pooling import Pooling, SumAcross, check_share, keep, masked_pair, pooled_over_images
from leadline.losses.selection import smallest_weights


def ssi_trimmed(
    *,
    predicted: Tensor,
    target: Tensor,
    valid: Tensor,
    trimmed: float = 0.2,
    pooling: Pooling = "image",
    sum_across: SumAcross = keep,
) -> Tensor:
    """Half the sum of the smallest differences of standardised maps, by all valid pixels   (MiDaS ssi-trim).

    (1 / 2M) sum |r| over the 80 % of an image's M valid pixels whose |r| is smallest; both maps are standardised over all M
    as in ``losses.affine_invariant``.  The mean deviation is not robust: an outlier in the target is trimmed, but it has
    already shrunk the rest of its map.

    Args:
        predicted, target: (B,H,W) of one claim; any units.
        valid: (B,H,W) bool.
        trimmed: share of each image's valid pixels that is left out, in [0, 1); ties as in
            ``losses.selection.smallest_weights``.
        pooling: the mean over the images of the global batch that have a valid pixel, or over all of its valid pixels.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, without unit; 0 with zero gradient where no pixel is valid.  Positive factors and shifts of
        either map change nothing.

    Raises:
        ContractError: see ``losses.pooling.masked_pair``; a share outside [0, 1), or another word for ``pooling``.

    >>> import torch
    >>> truth, guess = torch.tensor([[[-2.0, -1.0, 0.0, 1.0, 2.0]]]), torch.tensor([[[-1.0, -2.0, 0.0, 1.0, 2.0]]])
    >>> value = ssi_trimmed(predicted=guess, target=truth, valid=truth < 9)
    >>> round(value.item(), 6)  # of the differences (1, 1, 0, 0, 0) / 1.2 the last one is left out
    0.083333
    """
    check_share("trimmed", trimmed)
    pair = masked_pair(predicted=predicted, target=target, valid=valid)
    scaled, truth = standardised_maps([pair.predicted, pair.target], valid)
    sums = trimmed_sums(predicted=scaled, target=truth, valid=valid, trimmed=trimmed)
    return pooled_over_images(sums / 2, valid.sum(dim=(1, 2)), pooling, sum_across)


def trimmed_sums(*, predicted: Tensor, target: Tensor, valid: Tensor, trimmed: float) -> Tensor:
    """Sum of the smallest |predicted - target| of each image: (B,H,W) of one unit -> (B,), that unit.

    Both are finite everywhere; ``trimmed`` as in ``ssi_trimmed``.
    """
    difference = (predicted - target).abs()
    weights, _ = smallest_weights(difference, valid, ignore_largest=trimmed)
    return (difference * weights).sum(dim=(1, 2))
