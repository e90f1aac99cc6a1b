# SPDX-License-Identifier: Apache-2.0
"""DDOS, drone flights: the usual metrics up to 100 m, and AbsRel of each of ten classes and of seven ranges of distance.

Depth beyond 100 m, sky among it, is not scored.  The usual metrics are means over images; those of a class or a range are
pooled: every scored pixel of it counts alike, for a wire may be three pixels of one image and three thousand of another.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field
from leadline.data.ddos_classes import CLASS_IDS, DdosAnnotations
from leadline.evaluation.error_by_label import abs_rel_by_label, distance_bin
from leadline.evaluation.protocol import Case, ImageScore, Protocol
from leadline.evaluation.scoring import Judged, judged, score_judged, with_boundary

DISTANCE_EDGES_M = (0.0, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0)
"""Leadline's own choice: a drone at 10 m/s needs the first 20 m to stop or turn."""

_CLASSES = tuple(f"abs_rel_{name}" for name in CLASS_IDS)
_RANGES = tuple(f"abs_rel_{low:g}_to_{high:g}m" for low, high in pairwise(DISTANCE_EDGES_M))


def score_ddos(case: Case, protocol: Protocol) -> ImageScore:
    """The metrics of ``leadline.evaluation.metrics``, ``abs_rel_trees`` and the like, ``abs_rel_0_to_5m`` and the like.

    Raises:
        UnscorableError: fewer scored pixels than the protocol asks for.
        ContractError: the dataset gave no classes.
    """
    compared = judged(case, protocol)
    overall = with_boundary(score_judged(compared), compared, protocol)
    known = case.annotations
    if not isinstance(known, DdosAnnotations):
        raise ContractError(
            expected="DDOS samples with the classes of their pixels",
            got=f"{case.sample.key} without them",
            remedy="evaluate on the dataset 'ddos'",
        )
    distances = torch.where(compared.scored, distance_bin(compared.target_m, DISTANCE_EDGES_M), -1)
    by_class, class_pixels = _named(_CLASSES, compared, _class_labels(known, compared.scored))
    by_range, range_pixels = _named(_RANGES, compared, distances)
    return ImageScore(
        metrics={**overall.metrics, **by_class, **by_range},
        weights={**class_pixels, **range_pixels},
        missing_pixels=overall.missing_pixels,
    )


def _class_labels(known: DdosAnnotations, scored: Tensor) -> Tensor:
    """(H, W) position in ``CLASS_IDS`` where scored, else -1; -1 everywhere without a segmentation."""
    labels = torch.full(scored.shape, -1, dtype=torch.int64)
    if known.ids is not None:
        for position, name in enumerate(CLASS_IDS):
            labels[scored & (known.ids == known.class_ids[name])] = position
    return labels


def _named(names: tuple[str, ...], compared: Judged, label: Tensor) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """AbsRel and pixels of each label by the name of the metric, in what is compared: metres, or their inverses."""
    predicted, target = compared.predicted_m, compared.target_m
    if compared.compared_in == "disparity":
        predicted, target = predicted.reciprocal(), target.reciprocal()
    errors, pixels = abs_rel_by_label(predicted_m=predicted, target_m=target, label=label, labels=len(names))
    return dict(zip(names, errors.tolist(), strict=True)), dict(zip(names, pixels.double().tolist(), strict=True))


DDOS = Protocol(
    name="ddos",
    dataset="ddos",
    needs=frozenset({Field.DEPTH}),
    score=score_ddos,
    annotated=True,
    range_m=(0.0, 100.0),
    inclusive=True,
    dense=True,
    source=(
        "Leadline's own after Kolbeinsson & Mikolajczyk 2024 (arXiv 2312.12494): metres up to 100, no crop; AbsRel by class "
        "and by distance (0, 5, 10, 20, 40, 60, 80, 100 m) pooled over pixels"
    ),
)
