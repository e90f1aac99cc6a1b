# SPDX-License-Identifier: Apache-2.0
"""A batch and what the network says of it enter; a picture to look at while training leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.evaluation.evaluate import as_picture
from leadline.rasters.colour import robust_range
from leadline.rasters.panels import comparison

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.contracts.sample import Batch


def pictured(batch: Batch, predicted_m: Tensor, valid: Tensor, index: int) -> NDArray[np.uint8]:
    """RGB | truth | prediction | error of one image of a batch, on the truth's scale.  (H, W, 3) uint8."""
    if batch.depth is None:
        raise ValueError("a batch with depth")
    rgb = as_picture(batch.image[index].cpu())
    mask = valid[index].cpu().numpy()
    truth = DepthMap(values=batch.depth[index].cpu().numpy(), valid=mask, kind=DepthKind.METRIC)
    values = predicted_m[index].detach().float().cpu().numpy()
    prediction = DepthMap(values=values, valid=np.isfinite(values), kind=DepthKind.METRIC)
    low, high = robust_range(truth.values, mask) if mask.any() else robust_range(values, prediction.valid)
    return comparison(rgb, truth, prediction, low=low, high=max(high, low + 0.1))
