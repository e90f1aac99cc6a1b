# SPDX-License-Identifier: Apache-2.0
"""KITTI's Eigen frames as self-supervised depth reports them, in three ways: predictions enter, errors without and with
median scaling leave.

The ways differ where nobody looks.  monodepth2 resizes disparity and leaves out what is farther than 80 m; TiO-Depth
resizes depth, and scores what is farther as if it lay at 80 m; their medians of an even count differ.  Both score one raw
LiDAR sweep inside Garg's crop, with distances from the LiDAR, as the field has always done (dataset option
``truth=velodyne_lidar_frame``, the default of split ``eigen``).  The third scores the improved truth of 652 of the 697
frames as monodepth2 does, without crop or far end.

Pairs fix the scale, so that the plain numbers are the published ones of networks that learnt from pairs; the ``_scaled``
ones are those of networks that learnt from video.  A prediction up to scale is scored with ``--alignment median`` alone.
"""

from __future__ import annotations

import math
from dataclasses import replace

from leadline.contracts.sample import Field
from leadline.evaluation.crops import GARG
from leadline.evaluation.protocol import Case, ImageScore, Protocol
from leadline.evaluation.scoring import Judged, judged, score_judged
from leadline.geometry.alignment import Alignment, Middle, fit_median_scale


def score_with_scaling(case: Case, protocol: Protocol) -> ImageScore:
    """The metrics of :mod:`leadline.evaluation.metrics`, and the same after the fit ``scaled``, as ``abs_rel_scaled``.

    ``median_ratio`` is the median of the truth over that of the unscaled prediction, 1 for a right scale.  Where the
    protocol was changed to fit anyway, only that fit is reported.  Prediction and truth (H, W).

    Raises:
        UnscorableError: fewer scored pixels than the protocol asks for.
        ContractError: the prediction's kind is too weak for the alignment.
    """
    compared = judged(case, protocol)
    plain = score_judged(compared)
    if protocol.scaled is None or protocol.alignment is not Alignment.NONE:
        return plain
    scaled = score_judged(judged(case, replace(protocol, alignment=protocol.scaled, scaled=None)))
    return ImageScore(
        metrics={
            **plain.metrics,
            **{f"{name}_scaled": value for name, value in scaled.metrics.items()},
            "median_ratio": _median_ratio(compared, protocol.scaled),
        },
        missing_pixels=plain.missing_pixels,
    )


def _median_ratio(compared: Judged, scaled: Alignment) -> float:
    middle: Middle = "lower" if scaled is Alignment.MEDIAN_LOWER else "mean"
    usable = compared.scored & ~compared.missing
    if not bool(usable.any()):
        return math.nan
    ratio = fit_median_scale(
        predicted=compared.uncapped_m[None], target=compared.target_m[None], valid=usable[None], middle=middle
    )
    return float(ratio)


KITTI_EIGEN_MD2 = Protocol(
    name="kitti-eigen-md2",
    dataset="kitti_stereo",
    needs=frozenset({Field.DEPTH}),
    score=score_with_scaling,
    crop=GARG,
    range_m=(1e-3, 80.0),
    scaled=Alignment.MEDIAN,
    resize="bilinear",
    resize_in="disparity",
    source="monodepth2 (Godard et al. 2019, table 1), evaluate_depth on 697 Eigen frames, raw LiDAR",
)

KITTI_EIGEN_TIO = Protocol(
    name="kitti-eigen-tio",
    dataset="kitti_stereo",
    needs=frozenset({Field.DEPTH}),
    score=score_with_scaling,
    crop=GARG,
    range_m=(0.0, 80.0),
    beyond="clamped",
    scaled=Alignment.MEDIAN_LOWER,
    resize="bilinear",
    resize_in="depth",
    source="TiO-Depth (arXiv 2309.00933, released evaluation) on 697 Eigen frames, raw LiDAR",
)

KITTI_IMPROVED = Protocol(
    name="kitti-improved",
    dataset="kitti_stereo",
    needs=frozenset({Field.DEPTH}),
    score=score_with_scaling,
    range_m=(0.0, math.inf),
    clamp_m=(1e-3, 80.0),
    scaled=Alignment.MEDIAN,
    resize="bilinear",
    resize_in="disparity",
    source="monodepth2 (Godard et al. 2019, supplement), evaluate_depth with eigen_benchmark: 652 frames, annotated depth",
)
