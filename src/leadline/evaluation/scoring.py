# SPDX-License-Identifier: Apache-2.0
"""How one image is scored in metres: a prediction of any kind and the truth enter, the metrics of the protocol leave.

A pixel the protocol scores but the model has no number for is never left out, for that would reward silence: NaN, invalid
and (without clamping) non-positive predictions become the near end of the range, infinities its far end, as ZoeDepth does,
or its near end too where it has no far one.  So does every pixel of an image that an alignment finds no usable prediction
in.  Each is counted; the evaluation names the images.  Where disparities are compared, the made-up number is the least one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Sample
from leadline.evaluation.contours import boundary_f1
from leadline.evaluation.metrics import depth_metrics, disparity_metrics
from leadline.evaluation.protocol import Case, ImageScore, Protocol, UnscorableError
from leadline.evaluation.rig import through_rig
from leadline.geometry.alignment import NothingToFitError, align
from leadline.geometry.disparity import inverse_depth

SMALLEST_SCORED_M = 1e-3  # the near end where a range starts at 0, whose logarithm nobody can take
FARTHEST_COMPARED_M = 1e6  # 1 / the least inverse depth that is compared; float32 inverts it and back
_ALL_VALID = 1 - 1e-5  # share of valid weight, up to rounding of the interpolation


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Prediction and truth of one image in metres, ready to be compared.

    Attributes:
        predicted_m: (H, W) metres, aligned, repaired and clamped where the protocol clamps; positive and finite everywhere.
        uncapped_m: (H, W) metres, the same before clamping.
        target_m: (H, W) metres, undefined where not valid.
        scored: (H, W) bool, what the protocol scores.
        missing: (H, W) bool, where the model had no usable number.
        compared_in: whether metres or their inverses are compared.
    """

    predicted_m: Tensor
    uncapped_m: Tensor
    target_m: Tensor
    scored: Tensor
    missing: Tensor
    compared_in: Literal["depth", "disparity"] = "depth"


def score_depth(case: Case, protocol: Protocol) -> ImageScore:
    """The metrics of :mod:`leadline.evaluation.metrics` under the protocol, and ``boundary_f1`` where it asks for it.

    Prediction and truth (H, W).

    Raises:
        UnscorableError: fewer scored pixels than the protocol asks for.
        ContractError: the prediction's kind is too weak for the alignment, or see ``judged``.
    """
    compared = judged(case, protocol)
    return with_boundary(score_judged(compared), compared, protocol)


def with_boundary(score: ImageScore, compared: Judged, protocol: Protocol) -> ImageScore:
    """The score with ``boundary_f1`` of the aligned, uncapped maps (H, W) where the protocol measures boundaries."""
    if not protocol.boundary:
        return score
    sharpness = boundary_f1(predicted=compared.uncapped_m, target=compared.target_m, valid=compared.scored)
    return replace(score, metrics={**score.metrics, "boundary_f1": sharpness})


def score_judged(compared: Judged) -> ImageScore:
    """The metrics of an image (H, W) that was already brought to metres; NaN where it has no scored pixel."""
    metrics = disparity_metrics if compared.compared_in == "disparity" else depth_metrics
    values = metrics(predicted_m=compared.predicted_m[None], target_m=compared.target_m[None], valid=compared.scored[None])
    return ImageScore(
        metrics={name: float(value) for name, value in values.items()},
        missing_pixels=int((compared.missing & compared.scored).sum()),
    )


def judged(case: Case, protocol: Protocol) -> Judged:
    """Resize, mask, align and repair, in this order: prediction and truth (H, W) -> maps (H, W) in metres.

    Pixels of disparity become metres first, through the rig of the sample, where the alignment needs it.

    The fit sees exactly the pixels that are scored and have a usable prediction; where none is, every pixel is missing.

    Raises:
        UnscorableError: see ``scored_pixels``.
        ContractError: see ``scored_pixels`` and ``leadline.geometry.alignment.align``.
    """
    target_m, scored = scored_pixels(case.sample, protocol)
    claimed = case.prediction
    if protocol.alignment.scores not in claimed.kind.judged_as:
        claimed = through_rig(claimed, case.sample)
    prediction = resized(claimed, target_m.shape[0], target_m.shape[1], protocol)
    try:
        far_m = _far_end(protocol, target_m[scored])
        aligned = align(prediction, target_m, scored, alignment=protocol.alignment, max_depth_m=far_m)
    except NothingToFitError:  # as with metres that are NaN throughout
        aligned = replace(prediction, valid=np.zeros_like(prediction.valid), kind=DepthKind.METRIC)
    uncapped_m, missing = repaired(aligned, protocol)
    predicted_m = uncapped_m.clamp(min=_near_end(protocol), max=protocol.ends_m[1]) if protocol.clamp else uncapped_m
    return Judged(
        predicted_m=predicted_m,
        uncapped_m=uncapped_m,
        target_m=target_m,
        scored=scored,
        missing=missing,
        compared_in="disparity" if protocol.convention == "disp" else "depth",
    )


def scored_pixels(sample: Sample, protocol: Protocol) -> tuple[Tensor, Tensor]:
    """The truth (H, W) in metres, clamped where the protocol says so, and the (H, W) mask of valid pixels in range and crop.

    Raises:
        UnscorableError: fewer than ``minimum_valid_pixels``.
        ContractError: the sample has no metric depth, or the crop was drawn for another size.
    """
    if sample.depth is None or sample.valid is None or sample.kind is not DepthKind.METRIC:
        raise ContractError(
            expected=f"samples with metric depth for protocol '{protocol.name}'",
            got=f"{sample.key} with {'no depth' if sample.depth is None else sample.kind.value}",
            remedy="choose a dataset with depth in metres, or an ordinal protocol",
        )
    low, high = protocol.range_m
    depth = sample.depth
    inside = (depth >= low) & (depth <= high) if protocol.inclusive else (depth > low) & (depth < high)
    if protocol.beyond == "clamped":
        inside, depth = inside | (depth >= high), depth.clamp(max=high)
    scored = sample.valid & inside & protocol.crop.mask(depth.shape[0], depth.shape[1])
    count = int(scored.sum())
    if count < max(protocol.minimum_valid_pixels, 1):
        raise UnscorableError(
            expected=f"at least {max(protocol.minimum_valid_pixels, 1)} pixels inside {low} to {high} m and the crop",
            got=f"{count} in {sample.key}",
            remedy="this image is left out of the means",
        )
    return depth, scored


def resized(prediction: DepthMap, height: int, width: int, protocol: Protocol) -> DepthMap:
    """The prediction at the truth's size by the protocol's rule: map (h, w) -> map (height, width) of its kind and unit.

    A pixel that needs an invalid one becomes invalid; confidence and camera are dropped where the size changes.  Kinds with
    a free offset have no inverse and are resized as they are.
    """
    if prediction.values.shape == (height, width):
        return prediction
    values, valid = torch.tensor(prediction.values), torch.tensor(prediction.valid)
    kind = prediction.kind
    own_space = "disparity" if kind.near_is_large else "depth"
    inverted = protocol.resize_in not in {"kind", own_space} and not kind.has_free_offset
    if inverted:
        valid = valid & (values > 0)
        values = inverse_depth(values)
    both = torch.stack([torch.where(valid, values, 0.0), valid.float()])[None]
    corners = protocol.resize == "bilinear-corners"
    values, share = functional.interpolate(both, (height, width), mode="bilinear", align_corners=corners)[0].unbind()
    valid = share > _ALL_VALID
    if inverted:
        values = inverse_depth(values)
    if kind is DepthKind.STEREO_DISPARITY:
        values = values * (width / prediction.values.shape[1])
    return replace(prediction, values=values.numpy(), valid=valid.numpy(), confidence=None, camera=None)


def repaired(aligned: DepthMap, protocol: Protocol) -> tuple[Tensor, Tensor]:
    """Finite metres (H, W), and the (H, W) mask of those that had to be made up.

    Plus infinity becomes the far end of the range where it has one; all others become its near end, or as far as disparities
    are compared at all, for there the far end is the one that costs no more than an error of 1.
    """
    values, usable = torch.tensor(aligned.values), torch.tensor(aligned.valid)
    far_m = protocol.ends_m[1]
    endless = (values == torch.inf) & math.isfinite(far_m)
    usable = usable & values.isfinite()
    if not protocol.clamp:
        usable = usable & (values > 0)  # nothing else will lift them to where logarithms exist
    made_up_m = FARTHEST_COMPARED_M if protocol.convention == "disp" else _near_end(protocol)
    ends = torch.where(endless, far_m, made_up_m)
    return torch.where(usable, values, ends.to(values.dtype)), ~usable


def _far_end(protocol: Protocol, truth_m: Tensor) -> float:
    """Metres beyond which no aligned disparity is inverted, by the protocol's convention; truth (N,) is what is scored."""
    if protocol.convention == "disp":
        return FARTHEST_COMPARED_M
    return float(truth_m.max()) if protocol.convention == "depth_gtmax" else protocol.ends_m[1]


def _near_end(protocol: Protocol) -> float:
    return max(protocol.ends_m[0], SMALLEST_SCORED_M)
