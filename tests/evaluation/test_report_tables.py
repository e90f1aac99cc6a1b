# SPDX-License-Identifier: Apache-2.0
"""Tables and cards: the best number of a row is marked by its direction, and nothing from outside becomes markup."""

import math
import re

from leadline.evaluation.metrics import DEPTH_METRICS
from leadline.evaluation.report_tables import MEANINGS, cards, metrics_table, pairs_table, rows_table
from leadline.evaluation.results import EvaluationResult


def result(**metrics: float) -> EvaluationResult:
    return EvaluationResult(
        protocol="depth",
        dataset="toy",
        rows=(),
        skipped=(),
        metrics=metrics,
        intervals=dict.fromkeys(metrics, (0.0, 1.0)),
        settings={},
    )


MODEL, GUESS = result(delta1=0.9, abs_rel=0.3, new=0.5), result(delta1=0.4, abs_rel=0.2, new=math.nan)


def best(table: str) -> list[str]:
    return re.findall(r'class="number best">([^<]*)', table)


def test_table__marks_the_best_by_direction_and_only_where_there_is_a_rival() -> None:
    assert best(metrics_table(MODEL, {"constant": GUESS})) == ["0.9", "0.2"]
    assert best(metrics_table(MODEL, {})) == []


def test_table__shows_intervals_baselines_and_meanings() -> None:
    table = metrics_table(MODEL, {"constant": GUESS})
    assert '<th class="number">constant</th>' in table
    assert "0 to 1" in table
    assert "factor 1.25" in table
    assert ">–<" in table


def test_cards__put_the_naive_guess_beside_the_number() -> None:
    text = cards(MODEL, {"constant": GUESS, "mean-map": GUESS})
    assert 'class="value">0.9<' in text
    assert "constant 0.4 · mean-map 0.4" in text
    assert "new" not in text


def test_tables__escape_what_comes_from_outside() -> None:
    for text in (
        pairs_table({"<b>": "<script>", "list": ["<i>"]}),
        rows_table(["<b>"], [["<script>"]]),
        metrics_table(result(**{"<b>": 1.0}), {"<script>": GUESS}),
    ):
        assert "<script>" not in text
        assert "<b>" not in text
        assert "<i>" not in text


def test_tables__explain_every_depth_metric() -> None:
    assert set(DEPTH_METRICS) <= set(MEANINGS)
    assert pairs_table({"a": None}).count("none") == 1
