# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from leadline.benchmarks.contenders import EngineLoop, make_batches
from leadline.benchmarks.memory import MemoryUse, measure, saved_for_backward
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.training.placement import Placement


class TwoSquares(nn.Module):
    """x -> (w x)^2 of the first channel: autograd must keep maps whose number is known, and the parameter."""

    def __init__(self, numbers: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(numbers))

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """(B,3,H,W) -> (B,H,W)."""
        once: Tensor = image_B3HW[:, 0].clone() * (self.weight * self.weight).mean()
        return once * once + 1


def test_memory_use__divides_the_peak_by_what_was_counted() -> None:
    assert MemoryUse(states=60, activations=40, peak=110).ratio == 1.1


def test_saved_for_backward__counts_each_storage_once() -> None:
    def kept(side_px: int) -> int:
        (batch,) = make_batches(1, side_px=side_px, batch_size=1, device=torch.device("cpu"))
        return saved_for_backward(EngineLoop(TwoSquares(), Placement(device=torch.device("cpu"))), batch)

    small, large = kept(28), kept(56)
    maps = (large - small) / (4 * (56**2 - 28**2))  # float32 maps per pixel, whatever the loss keeps of fixed size
    network_alone = 2  # the cloned channel and its product; the square keeps the product twice but stores it once
    assert network_alone < maps < network_alone + 12


def test_saved_for_backward__leaves_parameters_out() -> None:
    (batch,) = make_batches(1, side_px=28, batch_size=1, device=torch.device("cpu"))
    few, many = (
        saved_for_backward(EngineLoop(TwoSquares(numbers), Placement(device=torch.device("cpu"))), batch)
        for numbers in (1, 1_000_000)
    )
    assert many == few


@pytest.mark.slow
def test_measure__reports_a_peak_not_far_above_the_count() -> None:
    report = measure(BenchmarkSettings(device="cpu", sides_px=(126,), batch_size=1))
    ratio = report.rows[0]
    assert 0.8 < ratio.value < 2.0
    states = next(row for row in report.rows if "weights" in row.name)
    assert states.value == pytest.approx(4 * 4 * 24_785_089 / 2**20, rel=1e-3)
