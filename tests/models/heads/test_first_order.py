# SPDX-License-Identifier: Apache-2.0
"""A backward pass that knows first derivatives only gives them as before and refuses every way to a second one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.models.heads.first_order import first_order


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, _note: str) -> Tensor:
        ctx.save_for_backward(value)
        return value**3

    @staticmethod
    @first_order
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (value,) = ctx.saved_tensors
        return gradients[0] * 3 * value.detach() ** 2, None  # detached: a second derivative of it would be wrong


def cube(value: Tensor) -> Tensor:
    cubed: Tensor = Cube.apply(value, "note")
    return cubed


@pytest.mark.parametrize("create_graph", [False, True])
def test_first_order__gives_the_first_derivative_as_before(*, create_graph: bool) -> None:
    value = torch.tensor([2.0, 3.0], requires_grad=True)
    (slope,) = torch.autograd.grad(cube(value).sum(), value, create_graph=create_graph)
    assert slope.tolist() == [12.0, 27.0]
    assert slope.requires_grad is create_graph


@pytest.mark.parametrize("incoming", ["constant", "graph"])
@pytest.mark.parametrize("way", ["grad", "backward"])
def test_first_order__refuses_a_second_derivative_mixed_with_one_that_exists(incoming: str, way: str) -> None:
    value = torch.tensor([2.0, 3.0], requires_grad=True)
    loss = (cube(value) + value**2 if incoming == "constant" else cube(value) * value).sum()
    (slope,) = torch.autograd.grad(loss, value, create_graph=True)
    with pytest.raises(ContractError, match=r"first derivatives.*got a second derivative"):
        torch.autograd.grad(slope.sum(), value) if way == "grad" else torch.autograd.backward(slope.sum())


def test_first_order__leaves_second_derivatives_of_the_rest_alone() -> None:
    value, other = (torch.tensor([2.0], requires_grad=True) for _ in range(2))
    (slope,) = torch.autograd.grad((cube(value) + other**3).sum(), other, create_graph=True)
    assert torch.autograd.grad(slope.sum(), other)[0].tolist() == [12.0]
