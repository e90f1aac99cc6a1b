# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch

from leadline.benchmarks import stereo as benchmark
from leadline.benchmarks.processes import in_fresh_process
from leadline.benchmarks.report import Row
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.benchmarks.stereo import (
    agreement_rows,
    descended,
    feature_maps,
    looked,
    measure,
    memory_rows,
    peak_of,
    rounds,
    shifts_px,
)
from leadline.benchmarks.stereo_step import StepReport
from leadline.models.stereo.correlation import row_correlation

CPU = torch.device("cpu")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HEIGHT", 2), ("WIDTH", 26), ("CHANNELS", 4), ("WIDTH_PX", 52)):
        monkeypatch.setattr(benchmark, name, value)


def test_shifts__are_the_levels_at_half_the_size() -> None:
    assert (len(shifts_px()), shifts_px()[0]) == (49, 1.0)
    assert shifts_px()[-1] == pytest.approx(150)


@pytest.mark.usefixtures("small")
def test_agreement_rows__are_met_and_notice_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = feature_maps(1, device=CPU)
    rows = agreement_rows(*maps)
    assert [row.name.split(":")[0] for row in rows] == ["costs", "gradient of the target", "gradient of the other"]
    assert all(row.met and 0 < row.value <= 1e-6 for row in rows)
    monkeypatch.setattr(benchmark, "row_correlation", lambda **given: 1.00001 * row_correlation(**given))
    assert not any(row.met for row in agreement_rows(*maps))


@pytest.mark.usefixtures("small")
def test_descended__gives_costs_and_both_gradients_and_leaves_the_maps_alone() -> None:
    target, other = feature_maps(2, device=CPU)
    costs, of_target, of_other = descended("correlation", target, other)
    assert torch.equal(costs, looked("correlation", target, other))
    assert costs.shape == (2, 49, 2, 26)
    assert of_target.shape == of_other.shape == target.shape
    assert min(of_target.abs().max(), of_other.abs().max()) > 0
    assert not target.requires_grad


def test_memory_rows__compare_two_peaks() -> None:
    ratio, ours, theirs = memory_rows(10 * 2**20, 100 * 2**20)
    assert (ratio.value, ours.value, theirs.value) == (0.1, 10, 100)
    assert ratio.met
    assert not memory_rows(21, 100)[0].met


def test_rounds__are_at_most_five() -> None:
    assert [rounds(BenchmarkSettings(rounds=asked)) for asked in (2, 7)] == [2, 5]


@pytest.mark.usefixtures("small")
def test_measure__reports_every_expectation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "in_fresh_process", lambda _, __, given: 1 if given[0] == "correlation" else 8)
    update = StepReport(rows=(Row(name="update", value=1.0, unit="x"),), raw={"seconds": 2.0})
    monkeypatch.setattr(benchmark, "step_report", lambda *_: update)
    report = measure(BenchmarkSettings(device="cpu", batch_size=2, rounds=2, least_s=0.0))
    expected = [row.expected for row in report.rows if row.expected]
    assert expected == ["at most 1e-06"] * 3 + ["at least 3"] * 2 + ["at most 0.2"]
    assert all(0 < row.value < math.inf for row in report.rows)
    assert next(row for row in report.rows if "memory" in row.name).value == 1 / 8
    assert "batch 2" in " ".join(row.name for row in report.rows)
    assert set(report.raw) == {"forward", "both", "update"}
    assert report.rows[-1].name == "update"


@pytest.mark.slow
def test_peak_of__ours_is_a_fifth_of_the_shifting_form_s_at_most() -> None:
    ours, theirs = (in_fresh_process("thrifty", peak_of, (way, "cpu", 1)) for way in ("correlation", "shifting"))
    one_map = 4 * 32 * 128 * 416
    assert theirs > 45 * one_map
    assert 0 < ours < 0.2 * theirs
