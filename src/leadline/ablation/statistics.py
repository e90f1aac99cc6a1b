# SPDX-License-Identifier: Apache-2.0
"""Cells of a table enter; a mean for each variant and dataset, with an interval over seeds and pictures, leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.errors import DataError

if TYPE_CHECKING:
    from leadline.ablation.cells import Cell

RESAMPLES, SEED = 2000, 0
MEAN = "mean"
"""What stands for all datasets together, each of the same weight."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One variant on one dataset by one metric.

    Attributes:
        group, variant, dataset, metric: what; dataset may be ``MEAN``.
        mean: over pictures and seeds, of ``MEAN`` over the datasets' means.
        low, high: 95 % of that mean when seeds and pictures are drawn again, each variant with the same pictures.
        seeds, pictures: how many there were.
    """

    group: str
    variant: str
    dataset: str
    metric: str
    mean: float
    low: float
    high: float
    seeds: int
    pictures: int


def lines(cells: Sequence[Cell], metrics: Sequence[str] = ("abs_rel", "delta1")) -> list[Line]:
    """Every variant, dataset and metric, in the order of the cells; of several datasets their mean too, as ``MEAN``.

    Raises:
        DataError: the seeds of a variant have no picture in common.
    """
    found: list[Line] = []
    variants = list(dict.fromkeys((one.variant.group, one.variant.name) for one in cells))
    for group, name in variants:
        of_variant = [one for one in cells if (one.variant.group, one.variant.name) == (group, name)]
        datasets = list(of_variant[0].scores)
        for told in [*([one] for one in datasets), *([datasets] if len(datasets) > 1 else [])]:
            for metric in metrics:
                tables = [_table(of_variant, dataset, metric) for dataset in told]
                low, high = _interval(tables)
                found.append(
                    Line(
                        group=group,
                        variant=name,
                        dataset=told[0] if len(told) == 1 else MEAN,
                        metric=metric,
                        mean=float(np.mean([values.mean() for values in tables])),
                        low=low,
                        high=high,
                        seeds=len(of_variant),
                        pictures=sum(values.shape[1] for values in tables),
                    )
                )
    return found


def _table(cells: Sequence[Cell], dataset: str, metric: str) -> np.ndarray:
    """(seeds, pictures): the pictures that every seed has a number for, in one order."""
    of_seeds = [one.scores[dataset][metric] for one in cells]
    keys = sorted(set.intersection(*(set(one) for one in of_seeds)))
    if not keys:
        raise DataError(
            expected=f"the same pictures of {dataset} for every seed",
            got="none that all have in common",
            remedy="keep the data fixed while seeds vary, e.g. --dataset-option procedural.seed=0",
        )
    return np.array([[one[key] for key in keys] for one in of_seeds], dtype=np.float64)


def _interval(tables: Sequence[np.ndarray]) -> tuple[float, float]:
    """2.5 and 97.5 % of the mean of the means of (seeds, pictures) each: seeds drawn again for all, pictures for each."""
    generator = np.random.default_rng(SEED)
    seeds = len(tables[0])
    rows = generator.integers(0, seeds, (RESAMPLES, seeds))
    means = np.zeros(RESAMPLES)
    for values in tables:
        columns = generator.integers(0, values.shape[1], (RESAMPLES, values.shape[1]))
        drawn = [values[np.ix_(row, column)].mean() for row, column in zip(rows, columns, strict=True)]
        means += np.array(drawn) / len(tables)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
