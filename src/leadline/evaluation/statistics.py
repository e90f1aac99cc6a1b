# SPDX-License-Identifier: Apache-2.0
"""From images to numbers: one score per image enters, weighted means and their bootstrap intervals leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.contracts.errors import ContractError
from leadline.evaluation.protocol import ImageScore

_BLOCK = 64  # resamples drawn together; bounds the memory to 64 numbers per image


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """Means over images and their intervals.

    Attributes:
        values: metric -> mean; NaN where no image had the metric.
        intervals: metric -> (low, high), the central 95 % of the means of resampled image sets.
    """

    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]


def means(scores: Sequence[ImageScore], *, resamples: int, seed: int) -> Means:
    """Weighted mean of every metric over images, with a percentile bootstrap over images (Efron 1979).

    NaN values do not count.  Where scores have a group, each metric also appears as ``metric/group`` and, as the plain mean
    of the groups, as ``metric_macro``.  The same scores, resamples and seed give the same numbers.

    Raises:
        ContractError: no score, or none with a metric.
    """
    columns = _columns(scores)
    if not columns:
        raise ContractError(
            expected="scores with at least one metric",
            got=f"none in {len(scores)} scores",
            remedy="score an image first; a protocol's scorer returns what it measured",
        )
    products = np.stack([np.where(np.isnan(value), 0.0, value) * weight for value, weight in columns.values()], axis=1)
    weights = np.stack([np.where(np.isnan(value), 0.0, weight) for value, weight in columns.values()], axis=1)
    drawn = _resampled(products, weights, resamples=resamples, seed=seed)
    table = np.concatenate([_ratio(products.sum(axis=0), weights.sum(axis=0))[None], drawn])
    named = _with_macro(dict(zip(columns, table.T, strict=True)))
    return Means(
        values={name: float(column[0]) for name, column in named.items()},
        intervals={name: _interval(column[1:]) for name, column in named.items()},
    )


def _columns(scores: Sequence[ImageScore]) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Name -> values and weights over images; a group's column weighs the images of other groups with zero."""
    names = list(dict.fromkeys(name for score in scores for name in score.metrics))
    groups = sorted({score.group for score in scores if score.group is not None})
    columns = {}
    for name in names:
        values = np.array([score.metrics.get(name, np.nan) for score in scores], np.float64)
        weights = np.array([score.weights.get(name, 1.0) for score in scores], np.float64)
        columns[name] = (values, weights)
        for group in groups:
            columns[f"{name}/{group}"] = (values, weights * np.array([score.group == group for score in scores]))
    return columns


def _with_macro(columns: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Adds ``name_macro``, the mean over the groups present in each resample."""
    named = dict(columns)
    for name in columns:
        parts = [column for part, column in columns.items() if part.startswith(f"{name}/")]
        if parts:
            stacked = np.stack(parts)
            present = ~np.isnan(stacked)
            named[f"{name}_macro"] = _ratio(
                np.where(present, stacked, 0.0).sum(axis=0), present.sum(axis=0).astype(np.float64)
            )
    return named


def _resampled(
    products: NDArray[np.float64], weights: NDArray[np.float64], *, resamples: int, seed: int
) -> NDArray[np.float64]:
    """(resamples, metrics) means of image sets drawn with replacement."""
    images = len(products)
    generator, blocks = np.random.default_rng(seed), []
    for start in range(0, resamples, _BLOCK):
        counts = generator.multinomial(images, np.full(images, 1.0 / images), size=min(_BLOCK, resamples - start))
        blocks.append(_ratio(counts @ products, counts @ weights))
    return np.concatenate(blocks) if blocks else np.empty((0, products.shape[1]))


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quotient, NaN where nothing was counted."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _interval(drawn: NDArray[np.float64]) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of the resamples that had the metric."""
    present = drawn[~np.isnan(drawn)]
    if present.size == 0:
        return (float("nan"), float("nan"))
    low, high = np.percentile(present, [2.5, 97.5])
    return (float(low), float(high))
