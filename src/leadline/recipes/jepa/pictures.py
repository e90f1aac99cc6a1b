# SPDX-License-Identifier: Apache-2.0
"""The views of a batch enter; a sheet of what one picture's views show and how far it is leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leadline.rasters.colour import colourise, robust_range
from leadline.rasters.images import picture_from_tensor
from leadline.rasters.panels import tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.contracts.sample import Views, ViewStack


def pictured_views(views: Views, index: int) -> NDArray[np.uint8]:
    """Every view of picture ``index`` of a batch: RGB, and below it its depth where it is known, global views first.

    Depth of all views has one scale, from the nearest to the farthest that is usual in them.

    Returns:
        (H, W, 3) uint8.
    """
    known = [_depth(stack, index) for stack in views.stacks]
    values = [one[0].ravel() for one in known if one is not None]
    masks = [one[1].ravel() for one in known if one is not None]
    low, high = robust_range(np.concatenate(values), np.concatenate(masks)) if values else (0.0, 1.0)
    rows: list[list[NDArray[np.uint8]]] = []
    for stack, depth in zip(views.stacks, known, strict=True):
        rows.append([picture_from_tensor(one) for one in stack.image[:, index].cpu()])
        if depth is not None:
            rows.append([colourise(metres, valid, low=low, high=high) for metres, valid in zip(*depth, strict=True)])
    return tile(rows)


def _depth(stack: ViewStack, index: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
    """Metres and mask (V,H,W)."""
    if stack.depth is None or stack.valid is None:
        return None
    return stack.depth[:, index].cpu().numpy(), stack.valid[:, index].cpu().numpy()
