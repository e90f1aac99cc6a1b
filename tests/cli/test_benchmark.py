# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from leadline.benchmarks.catalog import BENCHMARKS
from leadline.benchmarks.report import Report, Row
from leadline.benchmarks.settings import BenchmarkSettings
from tests.cli.toy import say


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[BenchmarkSettings]:
    """Replaces the measurement by a finished one; holds the settings it was asked for."""
    settings: list[BenchmarkSettings] = []

    def measure(given: BenchmarkSettings) -> Report:
        settings.append(given)
        rows = (
            Row(
                name="step",
                value=3.14159,
                unit="x",
                spread=(3.0, 3.5),
                expected="at least 3",
                met=True,
                note="quiet [machine]",
            ),
            Row(name="memory", value=1834.2, unit="MiB", expected="at most 1000", met=False),
        )
        return Report(name="memory", machine="a machine", rows=rows, notes=("median [quartiles]",), raw={"step": [1.0]})

    monkeypatch.setattr(importlib.import_module(BENCHMARKS["memory"].module), "measure", measure)
    return settings


def test_benchmark__prints_machine_numbers_and_verdicts(
    asked: list[BenchmarkSettings], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    said = say(
        capsys, "benchmark", "memory", "--rounds", "5", "--sides-px", "28", "56", "--batch-size", "3", "--device", "cpu"
    )
    assert said.status == 0, said.err
    words = (
        "a machine",
        "3.14 x [3-3.5]",
        "at least 3",
        "met",
        "quiet [machine]",
        "1834 MiB",
        "missed",
        "median [quartiles]",
    )
    assert all(word in said.out for word in words), said.out
    assert asked == [BenchmarkSettings(device="cpu", rounds=5, sides_px=(28, 56), batch_size=3)]


@pytest.mark.usefixtures("asked")
def test_benchmark__writes_every_measurement_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bench.json"
    assert say(capsys, "benchmark", "memory", "--json", out).status == 0
    found = json.loads(out.read_text())
    assert found["raw"] == {"step": [1.0]}
    assert found["rows"][0]["value"] == 3.14159


def test_benchmark__names_the_nearest_for_an_unknown_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean loader?" in say(capsys, "benchmark", "lader").mistake()


def test_benchmark__refuses_sides_that_cannot_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert "multiples of 14" in say(capsys, "benchmark", "memory", "--sides-px", "13").mistake()
