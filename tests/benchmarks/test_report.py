# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

from leadline.benchmarks.measurement import Comparison, Spread
from leadline.benchmarks.report import Report, Row, ratio_row, spread_row


def test_ratio_row__judges_the_median_against_the_goal() -> None:
    fast = Comparison(ours_s=(1.0, 1.0, 1.0), peer_s=(4.0,) * 6)
    row = ratio_row("step", fast, at_least=3.0)
    assert (row.value, row.unit, row.met, row.expected) == (4.0, "x", True, "at least 3")
    assert "A/A noise 0.0%" in row.note
    assert ratio_row("step", fast, at_least=5.0).met is False


def test_ratio_row__doubts_what_the_noise_could_explain() -> None:
    assert "no difference is claimed" in ratio_row("x", Comparison(ours_s=(1.0,), peer_s=(1.0, 1.2)), at_least=1.0).note


def test_spread_row__carries_the_quartiles_and_no_goal() -> None:
    row = spread_row("rate", Spread.of([1.0, 2.0, 3.0]), unit="images/s")
    assert (row.value, row.spread, row.met, row.expected) == (2.0, (1.5, 2.5), None, "")


def test_report__survives_json() -> None:
    report = Report(name="n", machine="m", rows=(Row(name="a", value=1.0, unit="x"),), raw={"a": {"ours_s": (1.0, 2.0)}})
    loaded = json.loads(json.dumps(report.to_dict()))
    assert loaded["rows"][0]["name"] == "a"
    assert loaded["raw"]["a"]["ours_s"] == [1.0, 2.0]
