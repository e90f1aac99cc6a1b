# SPDX-License-Identifier: Apache-2.0
"""The tables and cards of a report: results enter, HTML leaves; every word from outside is escaped."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape

from leadline.evaluation.results import EvaluationResult, is_better_higher, rounded

MEANINGS = {
    "delta1": "share of pixels within a factor 1.25 of the truth",
    "delta2": "share within 1.25² = 1.5625",
    "delta3": "share within 1.25³ = 1.953",
    "abs_rel": "mean |error| / truth",
    "sq_rel": "mean error² / truth, metres",
    "rmse": "root mean square error, metres",
    "rmse_log": "root mean square error of the logarithm",
    "log10": "mean |error| of log₁₀",
    "silog": "100 × spread of the log error, blind to scale (KITTI, ZoeDepth)",
    "silog_da": "the variant of Depth Anything V2, half blind to scale",
    "accuracy": "share of pairs ordered rightly",
    "accuracy_macro": "mean of the scenes' shares",
    "dde_correct": "% of pixels on the right side of 3 m",
    "dde_too_close": "% wrongly before 3 m",
    "dde_too_far": "% wrongly behind 3 m",
    "dbe_accuracy_px": "predicted depth edges to true ones, pixels",
    "dbe_completeness_px": "both kinds of edges to each other, pixels",
    "pe_flatness_cm": "unevenness of the prediction on true planes, cm",
    "pe_orientation_deg": "angle between predicted and true planes, degrees",
}
_CARDS = ("delta1", "abs_rel", "rmse", "accuracy", "dbe_accuracy_px")


def cards(result: EvaluationResult, baselines: Mapping[str, EvaluationResult]) -> str:
    """The headline numbers, each beside what the naive guesses score."""
    parts = []
    for name in _CARDS:
        if name in result.metrics:
            beside = " · ".join(f"{escape(label)} {_number(one, name)}" for label, one in baselines.items())
            low, high = result.intervals[name]
            parts.append(
                f'<div class="card"><div class="name">{escape(name)} {"↑" if is_better_higher(name) else "↓"}</div>'
                f'<div class="value">{_number(result, name)}</div>'
                f'<div class="beside">95 %: {rounded(low)} to {rounded(high)}<br>{beside}</div></div>'
            )
    return f'<div class="cards">{"".join(parts)}</div>'


def metrics_table(result: EvaluationResult, baselines: Mapping[str, EvaluationResult]) -> str:
    """Every metric with its interval, and the naive guesses beside it; the best of a row is marked."""
    columns = {"this model": result, **baselines}
    heads = ["metric", "this model", "95 % interval", *baselines]
    rows = []
    for name in result.metrics:
        best = _best(name, columns)
        numbers = [_cell(one, name, marked=label == best) for label, one in columns.items()]
        low, high = result.intervals[name]
        numbers.insert(1, f'<td class="number">{rounded(low)} to {rounded(high)}</td>')
        arrow = "↑" if is_better_higher(name) else "↓"
        meaning = f'<span class="meaning">{escape(MEANINGS[name])}</span>' if name in MEANINGS else ""
        rows.append(f"<tr><th>{escape(name)} {arrow}{meaning}</th>{''.join(numbers)}</tr>")
    head = "".join(f'<th class="{"number" if index else "name"}">{escape(text)}</th>' for index, text in enumerate(heads))
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def pairs_table(values: Mapping[str, object]) -> str:
    """Names and values, one pair a row; structures as JSON."""
    rows = [f'<tr><th>{escape(name)}</th><td class="wide">{_plain(value)}</td></tr>' for name, value in values.items()]
    return f'<div class="scroll"><table><tbody>{"".join(rows)}</tbody></table></div>'


def rows_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table of words."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f'<td class="wide">{escape(text)}</td>' for text in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _best(name: str, columns: Mapping[str, EvaluationResult]) -> str | None:
    """The column with the best number; None where fewer than two have one."""
    having = {label: one.metrics[name] for label, one in columns.items() if not math.isnan(one.metrics.get(name, math.nan))}
    if len(having) < 2:
        return None
    return (max if is_better_higher(name) else min)(having, key=having.__getitem__)


def _cell(result: EvaluationResult, name: str, *, marked: bool) -> str:
    return f'<td class="number{" best" if marked else ""}">{_number(result, name)}</td>'


def _number(result: EvaluationResult, name: str) -> str:
    return rounded(result.metrics.get(name, math.nan))


def _plain(value: object) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        return f"<code>{escape(json.dumps(value, default=str))}</code>"
    return escape("none" if value is None else str(value))
