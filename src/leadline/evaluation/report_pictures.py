# SPDX-License-Identifier: Apache-2.0
"""Pictures for a report: a predictor and some samples enter; RGB | truth | prediction | error in metres leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.predictor import Predicts
from leadline.contracts.sample import Sample
from leadline.evaluation.evaluate import predict
from leadline.evaluation.protocol import Case, Protocol
from leadline.evaluation.results import rounded
from leadline.evaluation.scoring import judged, score_judged
from leadline.rasters.colour import robust_range
from leadline.rasters.images import picture_from_tensor
from leadline.rasters.panels import comparison


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportPicture:
    """A picture with one line under it; ``pixels`` is (h, w, 3) uint8 RGB."""

    caption: str
    pixels: NDArray[np.uint8]


def compared_pictures(predictor: Predicts, samples: Iterable[Sample], protocol: Protocol) -> list[ReportPicture]:
    """One row per sample, the prediction as the protocol judges it: resized, aligned, clamped and mirrored as it asks.

    Truth and prediction of a sample share one colour scale in metres, from the 2nd to the 98th percentile of its scored
    truth.  Images (3, H, W) in [0, 1] -> pictures (h, w, 3).

    Raises:
        UnscorableError: the protocol would leave the sample out.
        ContractError: the prediction is too weak for the protocol's alignment.
    """
    return [_compared(predictor, sample, protocol) for sample in samples]


def _compared(predictor: Predicts, sample: Sample, protocol: Protocol) -> ReportPicture:
    (prediction,) = predict(predictor, [sample], protocol)
    compared = judged(Case(sample=sample, prediction=prediction), protocol)
    metrics = score_judged(compared).metrics
    truth_m, predicted_m = compared.target_m.numpy(), compared.predicted_m.numpy()
    low, high = robust_range(truth_m, compared.scored.numpy())
    pixels = comparison(
        picture_from_tensor(sample.image),
        DepthMap(values=truth_m, valid=compared.scored.numpy(), kind=DepthKind.METRIC),
        DepthMap(values=predicted_m, valid=~compared.missing.numpy(), kind=DepthKind.METRIC),
        low=low,
        high=high,
    )
    numbers = ", ".join(f"{name} {rounded(metrics[name])}" for name in ("delta1", "abs_rel", "rmse"))
    unit = "1/m" if compared.compared_in == "disparity" else "m"
    return ReportPicture(caption=f"{sample.key}: {numbers} (rmse in {unit})", pixels=pixels)
