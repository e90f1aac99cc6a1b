# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.benchmarks.loss_overhead import GOAL_PERCENT, LossWork, measure, overhead_row
from leadline.benchmarks.measurement import Comparison
from leadline.benchmarks.settings import BenchmarkSettings


def test_measure__reports_the_share_of_the_step_and_what_each_part_takes() -> None:
    report = measure(BenchmarkSettings(device="cpu", sides_px=(56,), batch_size=2, rounds=2, least_s=0.0))
    share, *parts = report.rows
    assert share.unit == "%"
    assert share.expected == f"at most {GOAL_PERCENT:g}"
    assert share.value > 0
    assert [row.unit for row in parts] == ["ms"] * 5
    assert all(row.value > 0 for row in parts)


def test_overhead_row__is_the_losses_share_of_the_step() -> None:
    found = Comparison(ours_s=(0.02, 0.02), peer_s=(0.9, 1.1, 1.0, 1.0))
    row = overhead_row("x", found)
    assert row.value == pytest.approx(2.0)
    assert row.met
    assert not overhead_row("x", Comparison(ours_s=(0.06, 0.06), peer_s=(1.0,) * 4)).met


def test_loss_work__all_of_it_reaches_the_prediction_and_is_the_sum_of_its_parts() -> None:
    one, other = (LossWork(side_px=28, batch_size=2, device=torch.device("cpu")) for _ in range(2))
    total = one.all()
    torch.testing.assert_close(total, other.masked_ssi() + 2 * other.gradient() + other.cutmix())
    (found,) = torch.autograd.grad(total, one.predicted)
    assert (found[one.valid] != 0).float().mean() > 0.9
    assert one.masked_ssi() < one.ssi()
