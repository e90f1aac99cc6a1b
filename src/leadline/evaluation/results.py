# SPDX-License-Identifier: Apache-2.0
"""What an evaluation found: scores enter a result, and JSON, markdown and CSV files leave, each written whole."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from leadline.evaluation.published import Comparison
from leadline.rasters.atomic import atomically

HIGHER_IS_BETTER = frozenset({"delta1", "delta2", "delta3", "accuracy", "dde_correct", "boundary_f1"})

PUBLISHED_COLUMNS = ("table", "model", "metric", "measured here", "published", "the published number is", "source")


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """An image that is in no mean, and why."""

    key: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRow:
    """One image's own metrics; ``missing_pixels`` are scored pixels for which the model had no usable number."""

    key: str
    metrics: Mapping[str, float]
    missing_pixels: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationResult:
    """Numbers and everything needed to know what they mean.

    Attributes:
        protocol, dataset: names.
        rows: one per scored image, in dataset order.
        skipped: images left out.
        metrics: name -> mean.
        intervals: name -> (low, high), 95 % over images.
        settings: every choice of the protocol, what was changed from the catalog, bootstrap seed and resamples, the policy
            for unreadable samples and, where the caller said it, which part of the data was scored.
        model: what the predictor says of itself (weights, input size, precision).
        published: the papers' cells beside these means; empty where nobody asked.
        caveats: what keeps these means from being the papers', in sentences; empty where nobody asked.
    """

    protocol: str
    dataset: str
    rows: tuple[ImageRow, ...]
    skipped: tuple[Skipped, ...]
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    settings: Mapping[str, object]
    model: Mapping[str, object] = field(default_factory=dict)
    published: tuple[Comparison, ...] = ()
    caveats: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        """Number of scored images."""
        return len(self.rows)

    @property
    def missing_pixels(self) -> dict[str, int]:
        """Image -> scored pixels without a usable prediction, only where there are any."""
        return {row.key: row.missing_pixels for row in self.rows if row.missing_pixels}

    def worst(self, count: int = 5, *, by: str | None = None) -> list[ImageRow]:
        """The images with the worst ``by`` (default: abs_rel, else the first metric), worst first; ties by key."""
        name = by or ("abs_rel" if "abs_rel" in self.metrics else next(iter(self.metrics)))
        sign = 1.0 if is_better_higher(name) else -1.0
        having = [row for row in self.rows if not math.isnan(row.metrics.get(name, math.nan))]
        return sorted(having, key=lambda row: (sign * row.metrics[name], row.key))[:count]


def is_better_higher(metric: str) -> bool:
    """Whether a larger value of the metric, mean, per group or after a second fit, is better."""
    return metric.split("/")[0].removesuffix("_macro").removesuffix("_scaled") in HIGHER_IS_BETTER


def better(metric: str) -> str:
    """Which way the metric is better, in a word for a table: higher, lower, or 1 for a ratio."""
    if metric == "median_ratio":
        return "1"
    return "higher" if is_better_higher(metric) else "lower"


def as_json(result: EvaluationResult) -> dict[str, object]:
    """The result file: the keys that scripts rely on first, then intervals, worst images and names of what was left out."""
    published = {"published": [one.record for one in result.published], "caveats": list(result.caveats)}
    return {
        "protocol": result.protocol,
        "dataset": result.dataset,
        "images": result.images,
        "skipped": len(result.skipped),
        "metrics": {name: _finite(value) for name, value in result.metrics.items()},
        "settings": dict(result.settings),
        "intervals": {name: [_finite(end) for end in ends] for name, ends in result.intervals.items()},
        "skipped_images": [{"key": one.key, "reason": one.reason} for one in result.skipped],
        "missing_prediction_pixels": result.missing_pixels,
        "worst_images": [
            {"key": row.key, "metrics": {name: _finite(value) for name, value in row.metrics.items()}}
            for row in result.worst()
        ],
        "model": dict(result.model),
        **(published if result.published else {}),
    }


def as_markdown(result: EvaluationResult) -> str:
    """A table of means and intervals under one line that says what was measured."""
    settings = result.settings
    lines = [
        f"**{result.protocol}** on {result.dataset}: {result.images} images, {len(result.skipped)} skipped; "
        f"crop {settings.get('crop')}, range {settings.get('range_m')} m, "
        f"alignment {settings.get('alignment')}, tta {settings.get('tta')}, {settings.get('aggregation')}",
        "",
        "| metric | mean | 95 % interval | better |",
        "|---|---|---|---|",
    ]
    for name, value in result.metrics.items():
        low, high = result.intervals[name]
        lines.append(f"| {name} | {rounded(value)} | {rounded(low)} to {rounded(high)} | {better(name)} |")
    if result.published:
        lines += ["", *(f"{sentence}." for sentence in result.caveats), "", f"| {' | '.join(PUBLISHED_COLUMNS)} |"]
        lines += ["|---" * len(PUBLISHED_COLUMNS) + "|", *(f"| {' | '.join(row)} |" for row in published_rows(result))]
    return "\n".join(lines) + "\n"


def published_rows(result: EvaluationResult) -> list[list[str]]:
    """The cells of :data:`PUBLISHED_COLUMNS`, one row per published number, for people."""
    return [
        [one.table, one.model, one.metric, rounded(one.measured), rounded(one.published), one.verdict, one.source]
        for one in result.published
    ]


def as_csv(result: EvaluationResult) -> str:
    """One line per scored image: key, metrics at full precision (empty where an image has none), missing pixels."""
    names = list(dict.fromkeys(name for row in result.rows for name in row.metrics))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["key", *names, "missing_pixels"])
    for row in result.rows:
        values = [row.metrics.get(name, math.nan) for name in names]
        writer.writerow([row.key, *("" if math.isnan(value) else repr(value) for value in values), row.missing_pixels])
    return text.getvalue()


def write_json(result: EvaluationResult, path: Path) -> None:
    """Write :func:`as_json`, NaN as null so that every reader can parse it.  StorageError if it cannot be written."""
    _write(path, json.dumps(as_json(result), indent=2, allow_nan=False, default=str) + "\n")


def write_markdown(result: EvaluationResult, path: Path) -> None:
    """Write :func:`as_markdown`.  StorageError if it cannot be written."""
    _write(path, as_markdown(result))


def write_csv(result: EvaluationResult, path: Path) -> None:
    """Write :func:`as_csv`.  StorageError if it cannot be written."""
    _write(path, as_csv(result))


def rounded(value: float) -> str:
    """Four significant places for people; a dash where there is no number."""
    return "–" if math.isnan(value) else f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _write(path: Path, text: str) -> None:
    with atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
