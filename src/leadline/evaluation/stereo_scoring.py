# SPDX-License-Identifier: Apache-2.0
"""How one pair is scored in pixels: a prediction and one or more true disparity maps enter, errors and their weights leave.

``d1``, ``epe_px``, ``bad1`` ... are pixel-summed as in KITTI's own evaluation: over the pixels of all pictures together.
``d1_image_mean`` and ``epe_px_image_mean`` are means over pictures, as TiO-Depth and others report them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from leadline.contracts.errors import DataError
from leadline.evaluation.protocol import Case, ImageScore, Protocol
from leadline.evaluation.rig import in_pixels
from leadline.evaluation.scoring import resized
from leadline.evaluation.stereo_metrics import STEREO_METRICS, stereo_metrics


@dataclass(frozen=True, slots=True)
class TruePixels:
    """(H, W) true disparity of the left picture in pixels, and the (H, W) bool mask of where it means something."""

    disparity_px: Tensor
    valid: Tensor


def disparity_errors(
    case: Case, protocol: Protocol, *, truths: Mapping[str, TruePixels], classes: Mapping[str, Tensor]
) -> ImageScore:
    """All metrics of ``STEREO_METRICS`` for each truth, and ``d1`` for each class in it.

    A pixel without a usable prediction counts as disparity 0.  A prediction of another size is resized as disparity.

    Args:
        case: of a metric or stereo-disparity map.
        protocol: how it is resized.
        truths: suffix of the metrics' names -> truth; "" is there, and is also averaged by picture.
        classes: second suffix -> (H, W) bool.

    Returns:
        ``epe_px`` in pixels and the rest in percent; NaN where there is no pixel, each weighed with its pixels.

    Raises:
        ContractError: a prediction that is no disparity and has no rig to become one.
        DataError: maps of the truth that have not the picture's size.
    """
    predicted_px = _predicted_px(case, protocol)
    metrics, weights = dict[str, float](), dict[str, float]()
    for seen, truth in truths.items():
        for part, inside in {"": torch.ones_like(predicted_px, dtype=torch.bool), **classes}.items():
            _require_size(case, predicted_px, (truth.disparity_px, truth.valid, inside))
            valid = truth.valid & inside
            found = stereo_metrics(predicted_px=predicted_px[None], target_px=truth.disparity_px[None], valid=valid[None])
            for name in ("d1",) if part else STEREO_METRICS:
                metrics[f"{name}{seen}{part}"] = float(found[name])
                weights[f"{name}{seen}{part}"] = float(valid.sum())
    for name in ("epe_px", "d1"):
        metrics[f"{name}_image_mean"] = metrics[name]
    return ImageScore(metrics=metrics, weights=weights)


def joined(errors: ImageScore, depth: ImageScore) -> ImageScore:
    """Both scores of one picture as one; missing pixels are those of ``depth``."""
    return ImageScore(
        metrics={**errors.metrics, **depth.metrics},
        weights={**errors.weights, **depth.weights},
        missing_pixels=depth.missing_pixels,
    )


def _predicted_px(case: Case, protocol: Protocol) -> Tensor:
    """(H, W) pixels of the left picture; 0 where there is no usable number."""
    height, width = case.sample.image.shape[1:]
    disparity = resized(in_pixels(case.prediction, case.sample), height, width, replace(protocol, resize_in="disparity"))
    values = torch.tensor(disparity.values)
    return torch.where(torch.tensor(disparity.valid) & values.isfinite(), values, 0.0)


def _require_size(case: Case, predicted_px: Tensor, maps: tuple[Tensor, ...]) -> None:
    for one in maps:
        if one.shape != predicted_px.shape:
            raise DataError(
                expected=f"truth of the picture's size, {predicted_px.shape[0]}x{predicted_px.shape[1]}",
                got=f"{'x'.join(map(str, one.shape))} for {case.sample.key}",
                remedy="fetch the files of this pair again",
            )
