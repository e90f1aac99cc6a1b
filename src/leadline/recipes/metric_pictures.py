# SPDX-License-Identifier: Apache-2.0
"""A batch and what the network says of it enter; a picture to look at while training leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.rasters.panels import comparison

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.contracts.sample import Batch


def pictured(batch: Batch, predicted_m: Tensor, valid: Tensor, index: int) -> NDArray[np.uint8]:
    """RGB | truth | prediction | error of one image of a batch, on the truth's scale.  (H, W, 3) uint8."""
    if batch.depth is None:
        raise ValueError("a batch with depth")
    rgb = (batch.image[index].permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
    mask = valid[index].cpu().numpy()
    truth = DepthMap(values=batch.depth[index].cpu().numpy(), valid=mask, kind=DepthKind.METRIC)
    values = predicted_m[index].detach().float().cpu().numpy()
    prediction = DepthMap(values=values, valid=np.isfinite(values), kind=DepthKind.METRIC)
    seen = truth.values[mask] if mask.any() else values
    low, high = float(np.percentile(seen, 2)), float(np.percentile(seen, 98))
    return comparison(rgb, truth, prediction, low=low, high=max(high, low + 0.1))
