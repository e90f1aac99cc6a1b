# SPDX-License-Identifier: Apache-2.0
"""The exponential average."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from leadline.training.ema import Ema


def test_average__follows_its_recursion_with_the_early_ramp() -> None:
    module = nn.Linear(1, 1, bias=False)
    ema = Ema(module, 0.5)
    expected = module.weight.item()
    for n in range(1, 20):
        with torch.no_grad():
            module.weight.fill_(float(n))
        ema.update(n)
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * n
        assert ema.tensors()["weight"].item() == pytest.approx(expected, rel=1e-6)


def test_in_place__shows_the_average_and_gives_the_weights_back_bit_for_bit() -> None:
    module = nn.Linear(3, 3)
    before = module.weight.detach().clone()
    ema = Ema(module, 0.9)
    with torch.no_grad():
        module.weight.add_(1.0)
    own = module.weight.detach().clone()
    with pytest.raises(ZeroDivisionError), ema.in_place():
        _ = 1 // 0
    with ema.in_place():
        assert torch.equal(module.weight, before)
    assert torch.equal(module.weight, own)
    assert torch.equal(ema.tensors()["weight"], before)


def test_average__leaves_frozen_parameters_and_buffers_to_the_module() -> None:
    module = nn.BatchNorm1d(2)
    module.bias.requires_grad = False
    assert Ema(module, 0.9).tensors().keys() == {"weight"}


def test_load__takes_averages() -> None:
    module = nn.Linear(2, 2)
    ema = Ema(module, 0.9)
    ema.load({"weight": torch.ones(2, 2), "bias": torch.zeros(2)})
    with ema.in_place():
        assert torch.equal(module.weight, torch.ones(2, 2))
    assert not torch.equal(module.weight, torch.ones(2, 2))
