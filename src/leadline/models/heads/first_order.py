# SPDX-License-Identifier: Apache-2.0
"""The backward pass of an autograd function that knows first derivatives only enters, one that says so leaves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError


class Context(Protocol):
    """What autograd hands to a backward pass: the tensors its forward pass kept, of any shapes and units."""

    saved_tensors: tuple[Tensor, ...]


Gradients = tuple[Tensor | None, ...]


def first_order(backward: Callable[..., Gradients]) -> Callable[..., Gradients]:
    """Let a second derivative through this backward pass raise ContractError, in ``backward()`` and in ``grad()`` alike.

    torch's own ``once_differentiable`` is silent in two cases: where the incoming gradient is a constant, as of a sum, and
    in ``torch.autograd.grad``, for it ties its error to no input.  Here it is tied to the gradients and saved tensors.

    Args:
        backward: takes the context and the gradients by the outputs, of any shapes and units; gives those by the inputs.
    """

    @functools.wraps(backward)
    def refusing_more(ctx: Context, *gradients: Tensor) -> Gradients:
        with torch.no_grad():
            found = backward(ctx, *gradients)
        if not torch.is_grad_enabled():  # nobody asked for ``create_graph``
            return found
        return cast("Gradients", _LastDerivative.apply(len(found), *found, *gradients, *ctx.saved_tensors))

    return refusing_more


class _LastDerivative(torch.autograd.Function):
    """The first ``count`` values unchanged, as if computed from all of them, and an error where one is differentiated."""

    @staticmethod
    def forward(_ctx: object, count: int, *values: Tensor | None) -> Gradients:
        return tuple(None if value is None else value.clone() for value in values[:count])

    @staticmethod
    def backward(_ctx: object, *_gradients: Tensor) -> Gradients:
        raise ContractError(
            expected="first derivatives by the maps, centres and points of the bins",
            got="a second derivative (create_graph)",
            remedy="leave the bins out of what is differentiated twice, or compute them with plain torch operations",
        )
