# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from leadline.benchmarks import sigreg as benchmark
from leadline.benchmarks.measurement import Comparison
from leadline.benchmarks.processes import in_fresh_process
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.benchmarks.sigreg import (
    agreement_rows,
    descend,
    measure,
    memory_rows,
    normal,
    pass_both_ways,
    peak_of,
    share_rows,
    straightforward,
)
from leadline.training.placement import Placement
from tests.losses.test_sigreg import noise

CPU = Placement(device=torch.device("cpu"))


class Counting(nn.Module):
    """Three channels' means; counts its calls and how many pictures each saw."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.seen: list[int] = []

    def forward(self, pictures: Tensor) -> Tensor:
        self.seen.append(len(pictures))
        return self.weight * pictures.mean((2, 3))


def test_straightforward__has_the_published_code_s_values() -> None:
    assert straightforward(noise(256, 64), step=0).item() == pytest.approx(1.101888, abs=1e-4)
    assert straightforward(torch.zeros(256, 64), step=0).item() == pytest.approx(102.9242, abs=1e-3)


def test_agreement_rows__of_both_ways_are_met_and_notice_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = normal(64, device=CPU.device)
    rows = agreement_rows(embeddings)
    assert [row.name for row in rows] == ["value: difference", "gradient: difference"]
    assert all(row.met and 0 <= row.value <= 1e-5 for row in rows)
    monkeypatch.setattr(benchmark, "straightforward", lambda one, *, step: 1.0001 * straightforward(one, step=step))
    assert not any(row.met for row in agreement_rows(embeddings))


def test_descend__gives_value_and_gradient_and_leaves_the_embeddings_alone() -> None:
    embeddings = normal(16, device=CPU.device)
    value, gradient = descend("leadline", embeddings)
    assert value.shape == ()
    assert gradient.shape == embeddings.shape
    assert gradient.abs().max() > 0
    assert not embeddings.requires_grad


def test_memory_rows__compare_two_peaks() -> None:
    ratio, ours, theirs = memory_rows(10 * 2**20, 100 * 2**20)
    assert (ratio.value, ours.value, theirs.value) == (0.1, 10, 100)
    assert ratio.met
    assert not memory_rows(26, 100)[0].met


def test_share_rows__give_the_loss_in_percent_of_the_step() -> None:
    share, step = share_rows("x", Comparison(ours_s=(0.02, 0.02), peer_s=(0.9, 1.1, 1.0, 1.0)))
    assert share.value == pytest.approx(2)
    assert share.met
    assert step.value == pytest.approx(1000)
    assert not share_rows("x", Comparison(ours_s=(0.06, 0.06), peer_s=(1.0,) * 4))[0].met


def test_pass_both_ways__runs_each_batch_once_and_leaves_no_gradient() -> None:
    network = Counting()
    pass_both_ways(network, [torch.rand(2, 3, 4, 4), torch.rand(5, 3, 4, 4)], CPU)
    assert network.seen == [2, 5]
    assert network.weight.grad is None


def test_measure__reports_every_expectation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "SAMPLES", 16)
    monkeypatch.setattr(benchmark, "VIEWS", 2)
    monkeypatch.setattr(benchmark, "VIEW_PX", 32)
    monkeypatch.setattr(benchmark, "in_fresh_process", lambda _, __, arguments: 1 if arguments[0] == "leadline" else 8)
    report = measure(BenchmarkSettings(device="cpu", sides_px=(112,), batch_size=1, rounds=2, least_s=0.0))
    expected = [row.expected for row in report.rows if row.expected]
    assert expected == ["at most 1e-05"] * 2 + ["at least 2", "at most 0.25", "at most 5", "at least 1.5"]
    assert all(0 <= row.value < math.inf for row in report.rows)  # two ways may agree exactly
    assert next(row for row in report.rows if row.unit == "x" and "memory" in row.name).value == 1 / 8
    assert "batch 1" in " ".join(row.name for row in report.rows)
    assert set(report.raw) == {"speed", "views", "step_112"}


@pytest.mark.slow
def test_peak_of__ours_is_a_fraction_of_the_straightforward_one() -> None:
    ours, theirs = (in_fresh_process("thrifty", peak_of, (way, "cpu")) for way in ("leadline", "straightforward"))
    held_at_once = 4 * 512 * 1024 * 17  # bytes of one tensor of samples, slices and knots
    assert theirs > 3 * held_at_once
    assert 0 < ours < 0.25 * theirs
