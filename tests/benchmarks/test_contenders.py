# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from leadline.benchmarks.contenders import (
    EngineLoop,
    PlainLoop,
    count_flops,
    default_batch_size,
    loss_curve,
    loss_of,
    make_batches,
)
from leadline.contracts.sample import Batch
from leadline.training.placement import Placement

CPU = torch.device("cpu")


class OneConvolution(nn.Module):
    """A depth network of one layer, with a parameter that nobody uses and one that is frozen."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(3, 1, 3, padding=1)
        self.idle = nn.Parameter(torch.ones(3))
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """(B,3,H,W) -> (B,H,W)."""
        depth_m: Tensor = self.layer(image_B3HW)[:, 0].exp()
        return depth_m


def test_both_loops__learn_alike_in_float32() -> None:
    network = OneConvolution()
    batches = make_batches(2, side_px=28, batch_size=2, device=CPU) * 4
    plain = loss_curve(PlainLoop(network, CPU), batches)
    engine = loss_curve(EngineLoop(network, Placement(device=CPU)), batches)
    assert plain == pytest.approx(engine, rel=1e-6)
    assert plain[-1] != plain[0]


def test_both_loops__leave_the_network_they_were_given_alone() -> None:
    network = OneConvolution()
    before = network.layer.weight.clone()
    (batch,) = make_batches(1, side_px=28, batch_size=2, device=CPU)
    for loop in (PlainLoop(network, CPU), EngineLoop(network, Placement(device=CPU))):
        loop.step(batch)
        assert torch.equal(network.layer.weight, before)
        assert not torch.equal(loop.network.get_parameter("layer.weight"), before)
        assert torch.equal(loop.network.get_parameter("frozen"), network.frozen)


def test_engine_loop__computes_in_bf16_where_it_is_told_to() -> None:
    seen: list[torch.dtype] = []
    network = OneConvolution()
    network.layer.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))  # noqa: ARG005
    (batch,) = make_batches(1, side_px=28, batch_size=1, device=CPU)
    EngineLoop(network, Placement(device=CPU, autocast_dtype=torch.bfloat16)).step(batch)
    EngineLoop(network, Placement(device=CPU)).step(batch)
    assert seen == [torch.bfloat16, torch.float32]


def test_make_batches__are_the_same_every_time_and_differ_from_each_other() -> None:
    first, second = make_batches(2, side_px=28, batch_size=3, device=CPU)
    again = make_batches(1, side_px=28, batch_size=3, device=CPU)[0]
    assert first.depth is not None
    assert first.valid is not None
    assert torch.equal(first.image, again.image)
    assert not torch.equal(first.image, second.image)
    assert (first.image.shape, first.depth.shape) == ((3, 3, 28, 28), (3, 28, 28))
    assert bool(first.valid.all())
    assert first.valid.shape == first.depth.shape
    assert -4 < float(first.image.min()) < -1.5  # normalised pictures, not the contract's [0, 1]
    assert 1.5 < float(first.image.max()) < 4
    assert 1 <= float(first.depth.min()) < float(first.depth.max()) <= 9


def test_loss_of__refuses_a_batch_without_depth() -> None:
    with pytest.raises(ValueError, match="without depth"):
        loss_of(OneConvolution(), Batch(keys=("a",), datasets=("a",), image=torch.zeros(1, 3, 28, 28)))


def test_count_flops__counts_forward_and_both_gradients() -> None:
    (batch,) = make_batches(1, side_px=28, batch_size=2, device=CPU)
    forward = 2 * 2 * 28 * 28 * 3 * 9  # two operations per weight, pixel and picture; one output channel
    # the picture needs no gradient, so the backward pass has the weight's alone
    assert count_flops(PlainLoop(OneConvolution(), CPU), batch) == 2 * forward


def test_default_batch_size__is_larger_on_accelerators() -> None:
    assert default_batch_size(CPU) < default_batch_size(torch.device("cuda"))
