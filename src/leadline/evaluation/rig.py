# SPDX-License-Identifier: Apache-2.0
"""A map in pixels of disparity or in metres, and the pair it is judged on, enter; the map in the other unit leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field, Sample

RIG = frozenset({Field.CAMERA, Field.STEREO})


def through_rig(prediction: DepthMap, sample: Sample) -> DepthMap:
    """Depth of a map of stereo disparity; any other map as it is.

    Args:
        prediction: (h, w); disparity in pixels of a picture w wide, whatever the sample's own width.
        sample: its focal length and baseline give metres; without them depth is known up to one factor.

    Returns:
        METRIC or SCALE_INVARIANT (h, w); invalid where the disparity is not above 0.
    """
    if prediction.kind is not DepthKind.STEREO_DISPARITY:
        return prediction
    scale = focal_times_baseline(sample)
    kind, factor = (DepthKind.SCALE_INVARIANT, 1.0) if scale is None else (DepthKind.METRIC, scale)
    width_ratio = prediction.values.shape[1] / sample.image.shape[2]
    depth, valid = _divided(factor * width_ratio, prediction)
    return replace(prediction, values=depth, valid=valid, kind=kind)


def in_pixels(prediction: DepthMap, sample: Sample) -> DepthMap:
    """Stereo disparity of a metric map, under the rig of the sample; a map of stereo disparity as it is.

    Args:
        prediction: (h, w), metres or pixels of a picture w wide.
        sample: a pair with its camera.

    Returns:
        STEREO_DISPARITY (h, w) in pixels of a picture w wide; invalid where the depth is not above 0.

    Raises:
        ContractError: another kind, or a sample without camera or baseline.
    """
    if prediction.kind is DepthKind.STEREO_DISPARITY:
        return prediction
    scale = focal_times_baseline(sample)
    if prediction.kind is not DepthKind.METRIC or scale is None:
        raise ContractError(
            expected="disparity in pixels, or metres and the rig that makes pixels of them",
            got=f"a prediction of kind {prediction.kind.value} for {sample.key}{'' if scale else ', whose rig is unknown'}",
            remedy="score depth with another protocol",
        )
    width_ratio = prediction.values.shape[1] / sample.image.shape[2]
    disparity_px, valid = _divided(scale * width_ratio, prediction)
    return replace(prediction, values=disparity_px, valid=valid, kind=DepthKind.STEREO_DISPARITY)


def focal_times_baseline(sample: Sample) -> float | None:
    """Focal length in pixels of the sample's picture times its baseline in metres; None where either is unknown."""
    if sample.camera is None or sample.stereo is None:
        return None
    return float(sample.camera.matrix[0, 0]) * float(sample.stereo.baseline_m)


def _divided(factor: float, prediction: DepthMap) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """``factor`` / values (h, w) and where that means something; pixels at infinity become 0 and the reverse."""
    usable = prediction.valid & (prediction.values > 0)
    quotient = np.divide(factor, prediction.values, out=np.full_like(prediction.values, np.nan), where=usable)
    return quotient.astype(np.float32), usable
