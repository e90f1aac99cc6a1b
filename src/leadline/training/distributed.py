# SPDX-License-Identifier: Apache-2.0
"""Several processes as one run: the environment of torchrun enters, a rank and sums across ranks leave."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from leadline.training.collapse import collapse_signs
from leadline.training.recipe import Progress, Recipe

if TYPE_CHECKING:
    from leadline.contracts.sample import Batch

# ranks wait for rank 0's validation; torchrun itself ends the others when one dies
_PATIENCE = timedelta(hours=6)

StepOutput = tuple[Tensor, dict[str, Tensor], Tensor | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranks:
    """One process among the run's processes.

    Attributes:
        rank, world: number of this process and of all; 0 of 1 without torchrun.
        local_rank: number on this machine, chooses the GPU.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0


def join() -> Ranks:
    """Meet the other processes that torchrun started; alone, there is nothing to meet.  May be called again."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not dist.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, timeout=_PATIENCE)
    return current()


def current() -> Ranks:
    """Who this process is, by the process group that was joined."""
    if not dist.is_initialized():
        return Ranks()
    local = int(os.environ.get("LOCAL_RANK", "0"))
    return Ranks(rank=dist.get_rank(), world=dist.get_world_size(), local_rank=local)


@contextmanager
def together() -> Iterator[Ranks]:
    """Join the other processes for as long as the block lasts, and part from them when all have come to its end.

    Within another such block nothing is joined or parted from: torchrun's store remembers a first group, and processes that
    would meet a second time wait for one another's old addresses for ever.

    After an exception nobody is waited for: the other ranks may be anywhere, and torchrun ends them.
    """
    outermost = not dist.is_initialized()
    yield join()
    if outermost:
        leave()


def leave() -> None:
    """Part from the other processes, once all of them have come here."""
    if dist.is_initialized():
        # gloo's threads let go of the last sum's tensor while this waits; in a dying interpreter that would abort (SIGABRT)
        dist.barrier()
        dist.destroy_process_group()


def wait_for_all() -> None:
    """Return when every rank has come here."""
    if dist.is_initialized():
        dist.barrier()


def first_says(*, flag: bool) -> bool:
    """Rank 0's flag, on every rank."""
    if not dist.is_initialized():
        return flag
    said = torch.tensor([int(flag)])
    dist.broadcast(said, src=0)
    return bool(said.item())


def total(values: Tensor) -> Tensor:
    """The sum over ranks, without gradient; ``values`` may be overwritten."""
    if dist.is_initialized():
        dist.all_reduce(values)
    return values


def sum_across(values: Tensor) -> Tensor:
    """The differentiable sum over ranks: gradients are summed as well.  The identity in one process.

    With S = sum over ranks of s_r and a loss L(S) computed alike on each of W ranks, backward gives each rank W dL/dS ds_r;
    the mean that DistributedDataParallel takes over ranks is then the gradient of L itself.
    """
    return _SumAcross.apply(values) if dist.is_initialized() else values


class _SumAcross(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004  autograd's signature
        return total(values.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        return sum_across(gradients[0])  # and so of any order


class StepModule(nn.Module):
    """A recipe's step as a forward pass, which is what DistributedDataParallel can wrap."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe

    def forward(self, batches: Mapping[str, Batch], progress: Progress) -> StepOutput:
        """Loss, parts and weight of one batch; among the parts, the signs of a network that has collapsed."""
        result = self.recipe.step(batches, progress)
        signs = collapse_signs(result.predicted) if result.predicted is not None else {}
        return result.loss, {**result.parts, **signs}, result.weight


def parallel(recipe: Recipe) -> StepModule | DistributedDataParallel:
    """The recipe as a module that averages gradients over ranks; in one process just the recipe's step."""
    module = StepModule(recipe)
    if not dist.is_initialized():
        return module
    # a decoder may hold parameters that no output uses (the official DPT does); buffers are saved from rank 0
    return DistributedDataParallel(module, find_unused_parameters=True, broadcast_buffers=False)


def recipe_of(module: nn.Module) -> Recipe:
    """The recipe within what ``parallel`` made of it."""
    step = module.module if isinstance(module, DistributedDataParallel) else module
    return cast("StepModule", step).recipe


def gathering_only(module: nn.Module) -> AbstractContextManager[object]:
    """Within, gradients gather on this rank without being averaged: every batch of an update but the last."""
    return module.no_sync() if isinstance(module, DistributedDataParallel) else nullcontext()
