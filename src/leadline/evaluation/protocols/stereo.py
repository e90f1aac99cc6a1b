# SPDX-License-Identifier: Apache-2.0
"""Any rectified pairs with true depth or disparity: predictions enter, errors in pixels and in metres leave.

``_noc`` is over the pixels that the right picture sees too, where the dataset knows which these are.
"""

from __future__ import annotations

import math

import torch

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field, Sample
from leadline.evaluation.protocol import Case, ImageScore, Protocol
from leadline.evaluation.protocols.kitti_eigen import score_with_scaling
from leadline.evaluation.stereo_scoring import TruePixels, disparity_errors, joined
from leadline.geometry.alignment import Alignment
from leadline.geometry.disparity import stereo_disparity_px


def score_stereo(case: Case, protocol: Protocol) -> ImageScore:
    """Errors of disparity as :func:`leadline.evaluation.stereo_scoring.disparity_errors`, and metres with and without a fit.

    Where the protocol was changed to fit depth to the truth, disparity is not scored, for it would be the fit's.

    Raises:
        UnscorableError: fewer scored pixels than the protocol asks for.
        ContractError: a sample without a pair, camera or truth, or a prediction too weak.
    """
    depth = score_with_scaling(case, protocol)
    if protocol.alignment is not Alignment.NONE:
        return depth
    truth = true_pixels(case.sample)
    stereo = case.sample.stereo
    truths = {"": truth}
    if stereo is not None and stereo.visible is not None:
        truths["_noc"] = TruePixels(truth.disparity_px, truth.valid & stereo.visible)
    return joined(disparity_errors(case, protocol, truths=truths, classes={}), depth)


def true_pixels(sample: Sample) -> TruePixels:
    """The true disparity of a pair: as it is stored, else through its rig from metres.

    Raises:
        ContractError: neither is there.
    """
    stereo = sample.stereo
    if stereo is not None and stereo.disparity_px is not None:
        known = stereo.disparity_px.isfinite() & (stereo.disparity_px > 0)
        return TruePixels(stereo.disparity_px, known if sample.valid is None else known & sample.valid)
    if stereo is None or sample.camera is None or sample.depth is None or sample.valid is None:
        raise ContractError(
            expected="a pair with true disparity, or with depth and its camera",
            got=f"{sample.key} without",
            remedy="choose a dataset of pairs with truth",
        )
    depth_m = torch.where(sample.valid, sample.depth, torch.nan)
    disparity_px = stereo_disparity_px(depth_m, focal_px=sample.camera.matrix[0, 0], baseline_m=stereo.baseline_m)
    return TruePixels(disparity_px, sample.valid)


STEREO = Protocol(
    name="stereo",
    dataset="stereo_folder",
    needs=frozenset({Field.DEPTH, Field.STEREO, Field.CAMERA}),
    score=score_stereo,
    range_m=(1e-3, math.inf),
    scaled=Alignment.MEDIAN,
    resize="bilinear",
    resize_in="disparity",
    aggregation="pixel-sum, depth image-mean",
    source="Leadline's own: the measures of KITTI 2015 (Menze & Geiger 2015) on any pairs, no crop, every distance",
)
