# SPDX-License-Identifier: Apache-2.0
"""The numbers of stereo matching: predicted and true disparity in pixels enter, errors and outliers of each image leave.

With p predicted, t true and e = |p - t| in pixels, over the pixels with truth:

    epe_px             E[e]                                                     end-point error
    d1                 % of pixels with e > 3 and e > 0.05 t, both              (Menze & Geiger 2015, KITTI 2015 devkit)
    bad1 bad2 bad3     % of pixels with e > 1, 2, 3                             (Middlebury, KITTI 2012)
"""

from __future__ import annotations

import torch
from torch import Tensor

D1_PX, D1_SHARE = 3.0, 0.05
BAD_PX = (1, 2, 3)
STEREO_METRICS = ("epe_px", "d1", *(f"bad{threshold}" for threshold in BAD_PX))


def is_d1_outlier(*, predicted_px: Tensor, target_px: Tensor) -> Tensor:
    """Wrong by more than 3 px and more than a twentieth of the truth: (..., H, W) pixels each -> the same shape, bool.

    A prediction that is NaN is wrong.

    >>> is_d1_outlier(predicted_px=torch.tensor([13.1, 103.1]), target_px=torch.tensor([10.0, 100.0])).tolist()
    [True, False]
    """
    error_px = (predicted_px - target_px).abs()
    return ~((error_px <= D1_PX) | (error_px <= D1_SHARE * target_px))


def stereo_metrics(*, predicted_px: Tensor, target_px: Tensor, valid: Tensor) -> dict[str, Tensor]:
    """All of :data:`STEREO_METRICS`, per image; formulas and sources stand at the top of the module.

    Args:
        predicted_px, target_px: (B, H, W) pixels of one picture's width.
        valid: (B, H, W) bool; elsewhere nothing is read, NaN is harmless.

    Returns:
        Name -> (B,) float64, ``epe_px`` in pixels, the others in percent; NaN for an image without a valid pixel.

    >>> truth = torch.tensor([[[10.0, 100.0]]])
    >>> found = stereo_metrics(predicted_px=truth + 3.5, target_px=truth, valid=truth > 0)
    >>> {name: value.item() for name, value in found.items()}
    {'epe_px': 3.5, 'd1': 50.0, 'bad1': 100.0, 'bad2': 100.0, 'bad3': 100.0}
    """
    count = valid.sum(dim=(-2, -1)).double()
    predicted, target = (torch.where(valid, values.double(), 0.0) for values in (predicted_px, target_px))
    error_px = (predicted - target).abs()
    wrong = is_d1_outlier(predicted_px=predicted, target_px=target)

    def mean(values: Tensor) -> Tensor:  # pixels outside ``valid`` hold 0 in both, which is no error and no outlier
        return values.double().sum(dim=(-2, -1)) / count

    return {
        "epe_px": mean(error_px),
        "d1": 100.0 * mean(wrong),
        **{f"bad{threshold}": 100.0 * mean(error_px > threshold) for threshold in BAD_PX},
    }
