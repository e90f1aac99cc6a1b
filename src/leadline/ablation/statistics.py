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


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One variant on one dataset by one metric.

    Attributes:
        group, variant, dataset, metric: what.
        mean: over pictures, then over seeds.
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
    """Every variant, dataset and metric, in the order of the cells."""
    found: list[Line] = []
    variants = list(dict.fromkeys((one.variant.group, one.variant.name) for one in cells))
    for group, name in variants:
        of_variant = [one for one in cells if (one.variant.group, one.variant.name) == (group, name)]
        for dataset in of_variant[0].scores:
            for metric in metrics:
                values = _table(of_variant, dataset, metric)
                low, high = _interval(values)
                found.append(
                    Line(
                        group=group,
                        variant=name,
                        dataset=dataset,
                        metric=metric,
                        mean=float(values.mean()),
                        low=low,
                        high=high,
                        seeds=values.shape[0],
                        pictures=values.shape[1],
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


def _interval(values: np.ndarray) -> tuple[float, float]:
    """2.5 and 97.5 % of the mean of (seeds, pictures), rows and columns drawn again."""
    generator = np.random.default_rng(SEED)
    seeds, pictures = values.shape
    rows = generator.integers(0, seeds, (RESAMPLES, seeds))
    columns = generator.integers(0, pictures, (RESAMPLES, pictures))
    means = [values[np.ix_(row, column)].mean() for row, column in zip(rows, columns, strict=True)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
