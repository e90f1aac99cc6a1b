# SPDX-License-Identifier: Apache-2.0
"""The yardstick: a predictor, a dataset and a protocol enter, an EvaluationResult leaves."""

from __future__ import annotations

import logging
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError, DataError
from leadline.contracts.predictor import Predicts
from leadline.contracts.sample import Field, Sample
from leadline.data.conventions import require_conventions
from leadline.data.dataset import DepthDataset
from leadline.evaluation.catalog import changed_choices
from leadline.evaluation.pair_predictions import SeesSamples
from leadline.evaluation.protocol import Case, ImageScore, OnProgress, Protocol, UnscorableError
from leadline.evaluation.results import EvaluationResult, ImageRow, Skipped
from leadline.evaluation.rig import RIG
from leadline.evaluation.statistics import means
from leadline.geometry.alignment import check_alignment
from leadline.rasters.images import picture_from_tensor

_logger = logging.getLogger(__name__)


@typing.runtime_checkable
class Annotated(typing.Protocol):
    """A dataset that knows more than a Sample holds."""

    def annotations(self, index: int, /) -> object:
        """What it knows of sample ``index``."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSettings:
    """How to run, beside what to measure."""

    on_unreadable: Literal["stop", "skip"] = "stop"
    """At an unreadable sample: stop with its error, or count and name it and go on."""
    batch_size: int = 8
    """Pictures handed to the predictor together; changes nothing but speed."""
    resamples: int = 1000
    """Bootstrap resamples of the image set."""
    seed: int = 0
    """Seed of the bootstrap."""
    data: Mapping[str, object] = field(default_factory=dict)
    """Which part of the dataset this is (root, split, listing, options), as JSON values; repeated in the result."""


_DEFAULTS = EvaluationSettings()


def evaluate(
    predictor: Predicts,
    dataset: DepthDataset,
    protocol: Protocol,
    *,
    settings: EvaluationSettings = _DEFAULTS,
    on_progress: OnProgress | None = None,
) -> EvaluationResult:
    """Score every image of a dataset.

    Args:
        predictor: gives maps of one kind; one too weak for the protocol's alignment is refused before anything is read.
        dataset: provides what the protocol needs.
        protocol: what is measured.
        settings: policy, batch, bootstrap, and what the result shall say of the data.
        on_progress: called with (images done, images in all) after each batch.

    Returns:
        Means, intervals, per-image rows, and every image left out with its reason.

    Raises:
        ContractError: dataset, predictor and protocol do not fit, or a sample is not as ``Sample`` states it.
        DataError: an unreadable sample under the policy "stop", or not one image that could be scored.
    """
    _check(predictor, dataset, protocol)
    scores: list[tuple[str, ImageScore]] = []
    skipped: list[Skipped] = []
    for indices in _batches(len(dataset), settings.batch_size):
        read = list(_read(dataset, indices, protocol, settings, skipped))
        predictions = predict(predictor, [sample for sample, _ in read], protocol)
        for (sample, more), prediction in zip(read, predictions, strict=True):
            try:
                case = Case(sample=sample, prediction=prediction, annotations=more)
                scores.append((sample.key, protocol.score(case, protocol)))
            except UnscorableError as reason:
                _logger.warning("skipped %s: %s", sample.key, reason)
                skipped.append(Skipped(key=sample.key, reason=str(reason)))
        if on_progress is not None:
            on_progress(indices[-1] + 1, len(dataset))
    return _result(predictor, dataset, protocol, settings, scores, skipped)


def predict(predictor: Predicts, samples: Sequence[Sample], protocol: Protocol) -> list[DepthMap]:
    """One map per sample, image (3, H, W) in [0, 1]; under "flip" the mean with what the mirrored image gave, mirrored back.

    The mean is taken in the space of the model's own kind, and is usable only where both predictions are.  A predictor that
    sees samples is given them.
    """
    if isinstance(predictor, SeesSamples):
        return predictor.predict_samples(samples)
    pictures = [picture_from_tensor(sample.image) for sample in samples]
    if not pictures:
        return []
    if protocol.tta == "none":
        return predictor.predict_batch(pictures)
    both = predictor.predict_batch([*pictures, *(np.ascontiguousarray(picture[:, ::-1]) for picture in pictures)])
    return [
        _averaged(straight, mirrored) for straight, mirrored in zip(both[: len(samples)], both[len(samples) :], strict=True)
    ]


def _averaged(straight: DepthMap, mirrored: DepthMap) -> DepthMap:
    values = (straight.values + mirrored.values[:, ::-1]) * np.float32(0.5)
    return replace(straight, values=values.astype(np.float32), valid=straight.valid & mirrored.valid[:, ::-1])


def _check(predictor: Predicts, dataset: DepthDataset, protocol: Protocol) -> None:
    _check_views(predictor, dataset, protocol)
    lacking = sorted(field.name for field in protocol.needs - dataset.provides)
    if lacking:
        raise ContractError(
            expected=f"a dataset that provides {', '.join(sorted(field.name for field in protocol.needs))}",
            got=f"'{dataset.name}', which lacks {', '.join(lacking)}",
            remedy=f"choose another of the two; '{protocol.name}' is for {protocol.dataset or 'any dataset with depth'}",
        )
    if protocol.annotated and not isinstance(dataset, Annotated):
        raise ContractError(
            expected=f"the dataset '{protocol.dataset}', whose annotations protocol '{protocol.name}' measures",
            got=f"'{dataset.name}'",
            remedy="use the plain protocol 'depth' for other datasets",
        )
    if Field.DEPTH in protocol.needs:  # ordinal protocols take any kind: they ask only what is nearer
        check_alignment(_claim(predictor.kind, dataset, protocol), protocol.alignment)


def _check_views(predictor: Predicts, dataset: DepthDataset, protocol: Protocol) -> None:
    """Whether the dataset shows a predictor of samples what it must see."""
    if not isinstance(predictor, SeesSamples):
        return
    if predictor.needs - dataset.provides:
        raise ContractError(
            expected="pairs for a network that sees with two eyes",
            got=f"'{dataset.name}', which has none",
            remedy="choose a dataset with STEREO, or --mode refined",
        )
    if protocol.tta != "none":
        raise ContractError(
            expected=f"no test-time augmentation '{protocol.tta}' in the modes of a stereo network",
            got=f"protocol '{protocol.name}' with it",
            remedy="say --tta none, and --post-processing flip for a second look that knows of pairs",
        )


def _claim(kind: DepthKind, dataset: DepthDataset, protocol: Protocol) -> DepthKind:
    """What a prediction claims once pixels of disparity went through the dataset's rig, where they have to."""
    if kind is not DepthKind.STEREO_DISPARITY or protocol.alignment.scores in kind.judged_as:
        return kind
    lifted = DepthKind.METRIC if dataset.provides >= RIG else DepthKind.SCALE_INVARIANT
    return lifted if protocol.alignment.scores in lifted.judged_as else kind


def _batches(count: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, count)) for start in range(0, count, size))


def _read(
    dataset: DepthDataset, indices: range, protocol: Protocol, settings: EvaluationSettings, skipped: list[Skipped]
) -> Iterator[tuple[Sample, object]]:
    """The readable samples with their annotations; the others stop the evaluation or are named in ``skipped``."""
    for index in indices:
        try:
            more = dataset.annotations(index) if protocol.annotated and isinstance(dataset, Annotated) else None
            sample = dataset[index]
            require_conventions(sample)
            yield sample, more
        except DataError as error:
            if settings.on_unreadable == "stop":
                raise
            _logger.warning("skipped %s: %s", dataset.key(index), error)
            skipped.append(Skipped(key=dataset.key(index), reason=str(error)))


def _result(
    predictor: Predicts,
    dataset: DepthDataset,
    protocol: Protocol,
    settings: EvaluationSettings,
    scores: Sequence[tuple[str, ImageScore]],
    skipped: Sequence[Skipped],
) -> EvaluationResult:
    if not scores:
        found_none = (
            f"none of {len(skipped)}, for the reasons above, the first being {skipped[0].key}" if skipped else "none"
        )
        raise DataError(
            expected=f"at least one image of '{dataset.name}' that protocol '{protocol.name}' can score",
            got=found_none,
            remedy="check the dataset with 'leadline data inspect' and the protocol's range and crop",
        )
    rows = tuple(ImageRow(key=key, metrics=score.metrics, missing_pixels=score.missing_pixels) for key, score in scores)
    found = means([score for _, score in scores], resamples=settings.resamples, seed=settings.seed)
    recorded: dict[str, object] = {
        **protocol.settings,
        "changed": changed_choices(protocol),
        "bootstrap": {"resamples": settings.resamples, "seed": settings.seed},
        "on_unreadable": settings.on_unreadable,
    }
    if settings.data:
        recorded["data"] = dict(settings.data)
    result = EvaluationResult(
        protocol=protocol.name,
        dataset=dataset.name,
        rows=rows,
        skipped=tuple(skipped),
        metrics=found.values,
        intervals=found.intervals,
        settings=recorded,
        model=dict(predictor.description),
    )
    if result.missing_pixels:
        first, count = next(iter(result.missing_pixels.items()))
        _logger.warning(
            "the model had no usable number for scored pixels of %d images (%s: %d); they were scored as range ends",
            len(result.missing_pixels),
            first,
            count,
        )
    return result
