# SPDX-License-Identifier: Apache-2.0
"""A batch and what the network says of it enter; a picture to look at while training leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.rasters.colour import robust_range
from leadline.rasters.images import picture_from_tensor
from leadline.rasters.panels import comparison
from leadline.recipes.supervised.recipe import truth

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.contracts.sample import Batch


def pictured(batch: Batch, predicted_m: Tensor, index: int) -> NDArray[np.uint8]:
    """RGB | truth | prediction | error of one image of a batch and its (H, W) metres, on the truth's scale.

    Returns:
        (H, 4W and margins, 3) uint8.

    Raises:
        ContractError: the batch has no depth.
    """
    depth_m, valid = (one[index].cpu().numpy() for one in truth(batch))
    known = DepthMap(values=depth_m, valid=valid, kind=DepthKind.METRIC)
    values = predicted_m.detach().float().cpu().numpy()
    prediction = DepthMap(values=values, valid=np.isfinite(values), kind=DepthKind.METRIC)
    low, high = robust_range(depth_m, valid) if valid.any() else robust_range(values, prediction.valid)
    rgb = picture_from_tensor(batch.image[index].cpu())
    return comparison(rgb, known, prediction, low=low, high=max(high, low + 0.1))
