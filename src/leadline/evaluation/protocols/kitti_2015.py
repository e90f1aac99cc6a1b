# SPDX-License-Identifier: Apache-2.0
"""KITTI 2015, 200 pairs with true disparity: predictions enter, errors in pixels by class and errors in metres leave.

Names and sums are those of :mod:`leadline.evaluation.stereo_scoring`; ``_noc`` is over pixels whose match lies inside the
right picture, ``_fg`` over cars and ``_bg`` over all else.  Metres are scored up to 80 m, without a crop.  A prediction of
another size is resized as disparity for the ones and as depth for the others.
"""

from __future__ import annotations

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field
from leadline.data.kitti_2015_annotations import Kitti2015Annotations
from leadline.evaluation.protocol import Case, ImageScore, Protocol
from leadline.evaluation.protocols.kitti_eigen import score_with_scaling
from leadline.evaluation.stereo_scoring import TruePixels, disparity_errors, joined
from leadline.geometry.alignment import Alignment


def score_kitti_2015(case: Case, protocol: Protocol) -> ImageScore:
    """Disparity by class, ``epe_px``, ``d1``, ``d1_noc_fg`` ..., and depth as :func:`score_with_scaling`.

    A pixel without a usable prediction counts as disparity 0.  Where the protocol was changed to fit depth to the truth,
    disparity is not scored, for it would be the fit's.

    Raises:
        UnscorableError: fewer scored pixels than the protocol asks for.
        ContractError: the dataset gave no disparity, or the prediction's kind is too weak.
    """
    depth = score_with_scaling(case, protocol)
    known = case.annotations
    if not isinstance(known, Kitti2015Annotations):
        raise ContractError(
            expected="pairs of KITTI 2015 with their disparities and object map",
            got=f"{case.sample.key} without them",
            remedy="evaluate on the dataset 'kitti_2015'",
        )
    if protocol.alignment is not Alignment.NONE:
        return depth
    errors = disparity_errors(
        case,
        protocol,
        truths={
            "": TruePixels(known.all_disparity_px, known.all_valid),
            "_noc": TruePixels(known.visible_disparity_px, known.visible_valid),
        },
        classes={"_bg": ~known.foreground, "_fg": known.foreground},
    )
    return joined(errors, depth)


KITTI_2015 = Protocol(
    name="kitti-2015",
    dataset="kitti_2015",
    needs=frozenset({Field.DEPTH, Field.STEREO, Field.CAMERA}),
    score=score_kitti_2015,
    annotated=True,
    range_m=(0.0, 80.0),
    scaled=Alignment.MEDIAN_LOWER,
    resize="bilinear",
    resize_in="depth",
    aggregation="pixel-sum, depth image-mean",
    source="KITTI 2015 devkit, evaluate_scene_flow (Menze & Geiger 2015); depth as TiO-Depth (arXiv 2309.00933)",
)
