# SPDX-License-Identifier: Apache-2.0
"""Cells of a table enter; means of each variant, and how far it is from its group's first, leave, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
        minus: the variant whose numbers with the same seeds and pictures are subtracted; empty for the variant's own.
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
    minus: str = ""


def lines(cells: Sequence[Cell], metrics: Sequence[str] = ("abs_rel", "delta1")) -> list[Line]:
    """Every variant, dataset and metric, in the order of the cells; of several datasets their mean too, as ``MEAN``.

    After a group's variants come all but its first again, less the first: pictures and seeds are hard or easy for all alike,
    so a difference is known better than two means beside each other say.

    Raises:
        DataError: the seeds of a variant, or two variants, have no picture in common.
    """
    found: list[Line] = []
    for group in dict.fromkeys(one.variant.group for one in cells):
        of_variants: dict[str, list[Cell]] = {}
        for one in cells:
            if one.variant.group == group:
                of_variants.setdefault(one.variant.name, []).append(one)
        first, *others = of_variants.values()
        for own in (first, *others):
            found += _lines(own, metrics)
        for own in others:
            found += _lines(_less(own, first), metrics, minus=first[0].variant.name)
    return found


def _lines(cells: Sequence[Cell], metrics: Sequence[str], *, minus: str = "") -> list[Line]:
    """One variant's."""
    if not cells:
        return []
    found, datasets = [], list(cells[0].scores)
    for told in [*([one] for one in datasets), *([datasets] if len(datasets) > 1 else [])]:
        for metric in metrics:
            tables = [_table(cells, dataset, metric) for dataset in told]
            low, high = _interval(tables)
            found.append(
                Line(
                    group=cells[0].variant.group,
                    variant=cells[0].variant.name,
                    dataset=told[0] if len(told) == 1 else MEAN,
                    metric=metric,
                    mean=float(np.mean([values.mean() for values in tables])),
                    low=low,
                    high=high,
                    seeds=len(cells),
                    pictures=sum(values.shape[1] for values in tables),
                    minus=minus,
                )
            )
    return found


def _less(cells: Sequence[Cell], others: Sequence[Cell]) -> list[Cell]:
    """Cells with the numbers of ``others`` of the same seed subtracted, picture by picture, where both have one."""
    by_seed = {one.seed: one.scores for one in others}
    return [
        replace(
            cell,
            scores={
                dataset: {
                    metric: {key: value - theirs[key] for key, value in own.items() if key in theirs}
                    for metric, own in metrics.items()
                    for theirs in [by_seed[cell.seed][dataset][metric]]
                }
                for dataset, metrics in cell.scores.items()
                if dataset in by_seed[cell.seed]
            },
        )
        for cell in cells
        if cell.seed in by_seed
    ]


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
