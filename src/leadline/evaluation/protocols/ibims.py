# SPDX-License-Identifier: Apache-2.0
"""iBims-1, 100 images: ZoeDepth's global metrics and the benchmark's own errors of edges, planes and near/far.

The global metrics are capped at 10 m inside NYU's crop box, as ZoeDepth computes them.  The geometric ones follow the
authors' public Python: all valid pixels of the whole image, for planes those that the model has a number for, no cap, no
crop; planes are averaged over planes, not over images, and images without true edges do not count for edges.  The mirrored
prediction is averaged in for both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field
from leadline.data.ibims_scene import IbimsAnnotations
from leadline.evaluation.boundary import boundary_error
from leadline.evaluation.crops import EIGEN
from leadline.evaluation.planarity import directed_error, plane_error
from leadline.evaluation.protocol import Case, ImageScore, Protocol
from leadline.evaluation.scoring import judged, score_judged, with_boundary


def score_ibims(case: Case, protocol: Protocol) -> ImageScore:
    """Global metrics, and DDE in percent, DBE in pixels, PE in cm and degrees.

    Raises:
        UnscorableError: fewer scored pixels than the protocol asks for.
        ContractError: the dataset gave no camera or no true geometry.
    """
    compared = judged(case, protocol)
    overall = with_boundary(score_judged(compared), compared, protocol)
    valid, camera, truth = case.sample.valid, case.sample.camera, case.annotations
    if valid is None or camera is None or not isinstance(truth, IbimsAnnotations):
        raise ContractError(
            expected="iBims-1 samples with camera, edges and planes",
            got=f"{case.sample.key} without them",
            remedy="evaluate on the dataset 'ibims'",
        )
    measured = valid & ~compared.missing
    sides = directed_error(predicted_m=compared.uncapped_m, target_m=compared.target_m, valid=valid)
    edges = boundary_error(compared.uncapped_m, truth.edges)
    planes = [
        plane_error(
            predicted_m=compared.uncapped_m,
            target_m=compared.target_m,
            on_plane=plane.mask & measured,
            normal=plane.normal,
            matrix=camera.matrix,
        )
        for plane in truth.planes
    ]
    large = [plane for plane in planes if plane is not None]
    geometry = {
        "dde_correct": sides.correct,
        "dde_too_close": sides.too_close,
        "dde_too_far": sides.too_far,
        "dbe_accuracy_px": edges.accuracy_px,
        "dbe_completeness_px": edges.completeness_px,
        "pe_flatness_cm": _mean([plane.flatness_cm for plane in large]),
        "pe_orientation_deg": _mean([plane.orientation_deg for plane in large]),
    }
    weights: Mapping[str, float] = {"pe_flatness_cm": len(large), "pe_orientation_deg": len(large)}
    return ImageScore(metrics={**overall.metrics, **geometry}, weights=weights, missing_pixels=overall.missing_pixels)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


IBIMS = Protocol(
    name="ibims",
    dataset="ibims",
    needs=frozenset({Field.DEPTH, Field.CAMERA}),
    score=score_ibims,
    annotated=True,
    crop=EIGEN,
    range_m=(0.0, 10.0),
    tta="flip",
    dense=True,
    source="ZoeDepth evaluate (arXiv 2302.12288, table 3); DDE, DBE, PE of Koch et al. 2018 as in its public Python",
)
