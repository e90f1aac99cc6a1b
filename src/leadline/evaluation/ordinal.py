# SPDX-License-Identifier: Apache-2.0
"""Which of two pixels is nearer: a predicted map and labelled pairs enter, the share of right answers leaves (DA-2K)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from leadline.contracts.depth_map import DepthMap
from leadline.contracts.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.contracts.sample import OrdinalPairs


def ordinal_correct(prediction: DepthMap, pairs: OrdinalPairs) -> Tensor:
    """For each real pair, whether the prediction puts the nearer pixel nearer (Depth Anything V2, sec. 6; own scorer).

    The kind of the prediction decides the direction: disparity must be strictly larger at the nearer pixel, depth strictly
    smaller.  A tie is wrong, and so is a pair of which the prediction has no usable number at either end.

    Args:
        prediction: (H, W) at the picture's original size, any kind; no alignment is needed to say which is nearer.
        pairs: (P, 2) integer pixels (row, column); padding rows are left out.

    Returns:
        (N,) bool, one per pair that is not padding, in the order of the pairs.

    Raises:
        DataError: a point lies outside the picture.
    """
    values = torch.tensor(prediction.values)
    usable = torch.tensor(prediction.valid) & values.isfinite()
    nearer, farther = (points[pairs.valid] for points in (pairs.nearer_rc, pairs.farther_rc))
    height, width = values.shape
    for points in (nearer, farther):
        outside = (points < 0).any(dim=1) | (points >= points.new_tensor([height, width])).any(dim=1)
        if bool(outside.any()):
            raise DataError(
                expected=f"points (row, column) inside a picture of {height}x{width}",
                got=f"{tuple(points[outside][0].tolist())}",
                remedy="check that the annotation belongs to this picture and is (row, column)",
            )
    near, far = (values[points[:, 0], points[:, 1]] for points in (nearer, farther))
    both = usable[nearer[:, 0], nearer[:, 1]] & usable[farther[:, 0], farther[:, 1]]
    return both & ((near > far) if prediction.kind.near_is_large else (near < far))
