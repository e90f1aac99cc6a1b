# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from leadline.benchmarks.settings import BenchmarkSettings
from leadline.benchmarks.train_step import agreement_rows, largest_relative_gap, measure


def test_largest_relative_gap__is_that_of_the_worst_step() -> None:
    assert largest_relative_gap([1.0, 1.8, 4.0], [1.0, 2.0, 4.0]) == pytest.approx(0.1)


def test_agreement_rows__judge_each_precision_by_its_own_tolerance() -> None:
    peer = [2.0, 1.0]
    rows = agreement_rows({"peer": peer, "ours fp32": [2.0, 1.001], "ours bf16": [2.0, 1.001]})
    verdicts = {row.name.split(",")[1].split()[1]: row.met for row in rows}
    assert verdicts == {"fp32": False, "bf16": True}
    assert rows[0].value == pytest.approx(0.1)
    assert "2.0000 -> 1.0000" in rows[0].note


@pytest.mark.slow
def test_measure__finds_equal_loss_curves_and_a_ratio() -> None:
    report = measure(BenchmarkSettings(device="cpu", rounds=2, least_s=0.0, sides_px=(56,), batch_size=1))
    rows = {row.name.strip(): row for row in report.rows}
    assert rows["training step, ViT-S, 56x56, plain process"].value > 0.1
    assert rows["training step, ViT-S, 56x56, our settings for both"].value > 0.1
    curves = [row for name, row in rows.items() if name.startswith("loss curve")]
    assert curves
    assert all(row.met for row in curves)
    assert "% of a" in rows["ours: time per step"].note
    assert report.raw.keys() == {"56, plain", "56, leadline"}
    raw = report.raw["56, plain"]
    assert raw["losses"]["peer"][-1] < 0.9 * raw["losses"]["peer"][0]
